"""Renders texts, which are codes with typed arguments, to the words that a reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from babel.lists import format_list

from billing.model import Money
from billing.model.translatable_text import Arg, Day, MemberRef, Moment, RoleRef, Text, Verbatim
from i18n.catalogue import spoken_language, tr


class Formats(Protocol):
    """The formats in which one face shows the placeholders of a text."""

    def name(self, typed: str) -> str:
        """A person's own words, such as a plan's name; they must not format anything."""

    def verbatim(self, text: str) -> str:
        """Characters to be copied or typed."""

    def money(self, amount: Money) -> str:
        """A sum in its currency."""

    def day(self, at: int) -> str:
        """A date; unix seconds UTC."""

    def moment(self, at: int) -> str:
        """A date with its time; unix seconds UTC."""

    def member(self, member_id: int) -> str:
        """A member of a Discord server."""

    def role(self, role_id: int) -> str:
        """A role of a Discord server."""


def render(text: Text | str, formats: Formats) -> str:
    """The words in the current language. A plain string stays as it is."""
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
