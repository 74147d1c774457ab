"""Texts for people, as a code with arguments.

i18n/ holds the words in each language; each face (Discord, web, terminal, e-mail) decides how dates, amounts
and members look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from billing.model.money import Money


@dataclass(frozen=True, slots=True)
class Day:
    """A date, given by a moment within it in unix seconds UTC."""

    at: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A date with a time, in unix seconds UTC."""

    at: int


@dataclass(frozen=True, slots=True)
class MemberRef:
    """A member, by their Discord id."""

    id: int


@dataclass(frozen=True, slots=True)
class RoleRef:
    """A role, by its Discord id."""

    id: int


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Characters to be copied or typed, such as an id, a setting or a permission; shown unchanged."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, init=False)
class Text:
    """One text: `code` identifies it in i18n/locales, `args` fill its placeholders.

    A plain string argument is a person's own words, such as a plan's name; it is escaped so that it
    cannot format anything.
    """

    code: str
    args: tuple[tuple[str, Arg], ...]

    def __init__(self, code: str, /, **args: Arg) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "args", tuple(sorted(args.items())))

    def __str__(self) -> str:
        """Return the code and its arguments, for the log."""
        return " ".join([self.code, *(f"{name}={arg}" for name, arg in self.args)])


# Words for the log, English only: never shown to a person.
LogWords: TypeAlias = str
Reasons: TypeAlias = tuple[Text | str, ...]
Arg: TypeAlias = "str | int | Money | Day | Moment | MemberRef | RoleRef | Verbatim | Text | Sequence[Arg]"
