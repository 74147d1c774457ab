"""What a person should read, as a code and its arguments. The words stand in i18n/, in each language; how a
date, a sum or a member looks is up to the face that shows it: Discord, a web page, a terminal, an e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from billing.model.money import Money


@dataclass(frozen=True, slots=True)
class Day:
    """A date, by a moment in it: unix seconds UTC."""

    at: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A date with its time: unix seconds UTC."""

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
    """Characters to be copied or typed, such as an id, a setting or a permission: shown as they are."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, init=False)
class Text:
    """One text: `code` names it in i18n/locales, `args` fill its placeholders. A plain string is somebody's
    own words, such as a plan's name, and is shown so that it cannot format anything."""

    code: str
    args: tuple[tuple[str, Arg], ...]

    def __init__(self, code: str, /, **args: Arg) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "args", tuple(sorted(args.items())))

    def __str__(self) -> str:
        """For the log: the code, with its arguments. People read what i18n/ makes of it."""
        return " ".join([self.code, *(f"{name}={arg}" for name, arg in self.args)])


Reasons: TypeAlias = tuple[Text | str, ...]
Arg: TypeAlias = "str | int | Money | Day | Moment | MemberRef | RoleRef | Verbatim | Text | Sequence[Arg]"
