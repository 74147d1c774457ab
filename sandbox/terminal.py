"""Prints the tour in a terminal: the commands people type, the messages they read, and the checks."""

from __future__ import annotations

import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from standins.discord import Card, Guild, Person, Role
from standins.discord.components import BUTTON, LINK, text_of, walk

WIDTH = 96
LONGEST_TYPED = 32  # characters of a typed value; the rest of an id says nothing to a reader
DIM, BOLD, RED, GREEN, GOLD, BLUE, VIOLET = "2", "1", "31;1", "32;1", "33;1", "36;1", "35;1"
HUES = (BLUE, VIOLET, GOLD)

_STAMP = re.compile(r"<t:(\d+)(?::(\w))?>")
_USER, _ROLE, _CHANNEL = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>"), re.compile(r"<#(\d+)>")
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")
_HEAD = re.compile(r"^(#{1,3}|-#) ", re.MULTILINE)
_MARKS, _ESCAPED = re.compile(r"(?<!\\)(\*\*|`)"), re.compile(r"\\([\\*_~`|\[\]<@])")


def date(at: float) -> str:
    """Return a day, in UTC, such as "22 November 2026". `at`: unix seconds."""
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.day} {day:%B %Y}"


def plain(text: str, guild: Guild, names: dict[int, str], *, direct: bool = False) -> str:
    """Return a message's Markdown as plain text, with mentions as names and timestamps as dates.

    A role's mention does not resolve in a `direct` message.
    """
    text = _STAMP.sub(lambda m: date(int(m[1])), text)
    roles, lost = ({}, "unknown-role") if direct else (guild.roles, "deleted role")
    text = _ROLE.sub(lambda m: "@" + _name(roles.get(int(m[1])), lost), text)
    text = _USER.sub(lambda m: "@" + names.get(int(m[1]), "somebody"), text)
    text = _CHANNEL.sub(lambda m: "#" + _name(guild.channels.get(int(m[1])), "deleted channel"), text)
    text = _MARKS.sub("", _HEAD.sub("", _LINK.sub(r"\1: \2", text)))
    return _ESCAPED.sub(r"\1", text)


def _name(thing: Any, otherwise: str) -> str:
    return str(thing.name) if thing is not None else otherwise


def blocks(card: Card) -> Iterator[tuple[str, list[str]]]:
    """Yield the blocks of a message from top to bottom: each one's text, and the labels of its buttons."""
    if card.message.content:
        yield card.message.content, []
    for box in card.components:
        buttons = [part for part in walk([box]) if part["type"] == BUTTON]
        yield (
            text_of([box]),
            [f"[ {b.get('label', '')}{' ↗' if b['style'] == LINK else ''} ]" for b in buttons],
        )


class Terminal:
    """Prints the story, in colour if `colour` is true.

    `write`: prints one line and appends a newline. `pace`: the real seconds to wait after each line.
    """

    def __init__(
        self,
        guild: Guild,
        people: tuple[Person, ...],
        write: Callable[[str], object] = print,
        *,
        colour: bool = False,
        pace: float = 0.0,
    ) -> None:
        self._guild = guild
        self._names = {person.id: person.name for person in people}
        self._hues = {person.id: hue for person, hue in zip(people, HUES, strict=False)}
        self._put, self._colour, self._pace = write, colour, pace

    def _write(self, line: str) -> None:
        self._put(line)
        time.sleep(self._pace)

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and text else text

    def scene(self, title: str) -> None:
        """Print the heading of a new part of the story."""
        self._write("")
        self._write(self._paint(f"── {title} ".ljust(WIDTH, "─"), BOLD))

    def note(self, text: str) -> None:
        """Print a remark by the narrator."""
        for line in textwrap.wrap(text, WIDTH - 7, break_on_hyphens=False):
            self._write(self._paint(f"       {line}", DIM))

    def does(self, person: Person, text: str) -> None:
        """Print an action of a person."""
        name = self._paint(f"{person.name:>5}", self._hues[person.id])
        first, *more = textwrap.wrap(text, WIDTH - 7, break_on_hyphens=False)
        self._write(f"{name}  {self._paint(first, BOLD)}")
        for line in more:
            self._write(f"         {self._paint(line, BOLD)}")

    def types(self, person: Person, command: str, options: dict[str, Any]) -> None:
        """Print a slash command as it looks while a person types it."""
        given = "".join(f" {name}:{_typed(value)}" for name, value in options.items())
        self.does(person, f"/{command}{given}")

    def reads(self, card: Card) -> None:
        """Print the part of a message that a person sees."""
        bar = self._paint("│", DIM)
        for text, labels in blocks(card):
            direct = card.message.channel.guild_id is None
            for line in plain(text, self._guild, self._names, direct=direct).splitlines():
                for part in textwrap.wrap(line, WIDTH - 9, break_on_hyphens=False):
                    self._write(f"       {bar} {part}")
            if labels:
                self._write(f"       {bar} {self._paint('  '.join(labels), BLUE)}")

    def checked(self, claim: str, ok: bool) -> None:
        """Print a claim, marked as true or false."""
        mark, style = ("✓", GREEN) if ok else ("✗", RED)
        self._write(f"       {self._paint(f'{mark} {claim}', style)}")


def _typed(value: Any) -> str:
    if hasattr(value, "name"):
        return ("@" if isinstance(value, (Role, Person)) else "#") + str(value.name)
    text = str(value)
    return text if len(text) <= LONGEST_TYPED else text[: LONGEST_TYPED - 1] + "…"


def takes_colour() -> bool:
    """Return True if standard output is a terminal that shows colour.

    Colour can be switched off: see https://no-color.org.
    """
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
