"""How the tour speaks in a terminal: who types what, what they read, what was checked."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.discord import Card, Guild, Person, Role

WIDTH = 96
DIM, BOLD, RED, GREEN, GOLD, BLUE, VIOLET = "2", "1", "31;1", "32;1", "33;1", "36;1", "35;1"
COLOURS = (BLUE, VIOLET, GOLD)

_STAMP = re.compile(r"<t:(\d+)(?::(\w))?>")
_USER, _ROLE, _CHANNEL = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>"), re.compile(r"<#(\d+)>")
_MARKS = re.compile(r"(?<!\\)(\*\*|`)")
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")


def date(at: float) -> str:
    """A day as people write it, UTC: 22 November 2026."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %B %Y")


def plain(text: str, guild: Guild, names: dict[int, str]) -> str:
    """A message's markdown as a terminal shows it; mentions by name, timestamps as dates."""
    text = _STAMP.sub(lambda m: date(int(m[1])), text)
    text = _ROLE.sub(lambda m: "@" + _name(guild.roles.get(int(m[1])), "deleted role"), text)
    text = _USER.sub(lambda m: "@" + names.get(int(m[1]), "somebody"), text)
    text = _CHANNEL.sub(lambda m: "#" + _name(guild.channels.get(int(m[1])), "deleted channel"), text)
    text = _LINK.sub(r"\1: \2", text)
    text = re.sub(r"^(#{1,3}|-#) ", "", text, flags=re.MULTILINE)
    return re.sub(r"\\([\\*_~`|\[\]<@])", r"\1", _MARKS.sub("", text))


def _name(thing: Any, otherwise: str) -> str:
    return str(thing.name) if thing is not None else otherwise


class Teller:
    """Prints the story. Colour where the terminal takes it; `write` takes one line without its end."""

    def __init__(
        self, guild: Guild, people: tuple[Person, ...], write: Callable[[str], object] = print
    ) -> None:
        self._guild = guild
        self._names = {person.id: person.name for person in people}
        self._hues = {person.id: hue for person, hue in zip(people, COLOURS, strict=False)}
        self._write = write
        self._colour = write is not print or takes_colour()

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and text else text

    def scene(self, title: str) -> None:
        """A new part of the story."""
        self._write("")
        self._write(self._paint(f"── {title} ".ljust(WIDTH, "─"), BOLD))

    def note(self, text: str) -> None:
        """What happens besides."""
        self._write(self._paint(f"   {text}", DIM))

    def does(self, person: Person, text: str) -> None:
        """What somebody does."""
        name = self._paint(f"{person.name:>5}", self._hues[person.id])
        self._write(f"{name}  {self._paint(text, BOLD)}")

    def types(self, person: Person, command: str, options: dict[str, Any]) -> None:
        """A slash command, as it looks while it is typed."""
        given = "".join(f" {name}:{self._typed(value)}" for name, value in options.items())
        self.does(person, f"/{command}{given}")

    def _typed(self, value: Any) -> str:
        mark = {Role: "@", Person: "@"}.get(type(value), "#")
        return f"{mark}{value.name}" if hasattr(value, "name") else str(value)

    def reads(self, card: Card, buttons: bool = True) -> None:
        """What a person sees of a message."""
        for line in plain(card.text, self._guild, self._names).splitlines():
            self._write(f"       {self._paint('│', DIM)} {line}")
        labels = [f"[ {button.label}{' ↗' if button.url else ''} ]" for button in card.buttons]
        if labels and buttons:
            self._write(f"       {self._paint('│', DIM)} {self._paint('  '.join(labels), BLUE)}")

    def checked(self, claim: str, ok: bool) -> None:
        """Whether something that was claimed is so."""
        mark, style = ("✓", GREEN) if ok else ("✗", RED)
        self._write(f"       {self._paint(f'{mark} {claim}', style)}")

    def plain(self, card: Card) -> str:
        """A message's text, as `reads` prints it."""
        return plain(card.text, self._guild, self._names)


def takes_colour() -> bool:
    """Whether standard output is a terminal that is not told to do without (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
