"""Renders texts, which are codes with typed arguments, to the words that a reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from babel.lists import format_list

from billing.model import Money
from billing.model.translatable_text import Arg, Day, MemberRef, Moment, RoleRef, Text, Verbatim
from i18n.catalogue import spoken_language, tr


class Formats(Protocol):
    """Formats the placeholders of a text for one place where it is shown, such as Discord or a terminal."""

    def name(self, typed: str) -> str:
        """Format words that a person typed, such as a plan's name; any markup in them must have no effect."""

    def verbatim(self, text: str) -> str:
        """Format characters that the reader may copy or type."""

    def money(self, amount: Money) -> str:
        """Format an amount with its currency."""

    def day(self, at: int) -> str:
        """Format a date, given in unix seconds."""

    def moment(self, at: int) -> str:
        """Format a date with its time, given in unix seconds."""

    def member(self, member_id: int) -> str:
        """Format a member of a Discord server, given by id."""

    def role(self, role_id: int) -> str:
        """Format a role of a Discord server, given by id."""


def render(text: Text | str, formats: Formats) -> str:
    """Render a text in the current language. A plain string is returned unchanged."""
    if isinstance(text, str):
        return text
    try:
        return tr(text.code, **{name: _shown(arg, formats) for name, arg in text.args})
    except KeyError:  # a text stored by another version of the program
        return text.code


def _shown(arg: Arg, formats: Formats) -> object:
    match arg:
        case Text():
            return render(arg, formats)
        case str():
            return formats.name(arg)
        case Verbatim(text):
            return formats.verbatim(text)
        case Money():
            return formats.money(arg)
        case Sequence():
            return format_list([str(_shown(one, formats)) for one in arg], locale=spoken_language())
        case _:
            return _number(arg, formats)


def _number(arg: int | Day | Moment | MemberRef | RoleRef, formats: Formats) -> object:
    match arg:
        case Day(at):
            return formats.day(at)
        case Moment(at):
            return formats.moment(at)
        case MemberRef(member_id):
            return formats.member(member_id)
        case RoleRef(role_id):
            return formats.role(role_id)
        case int():
            return arg
