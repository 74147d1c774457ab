"""A member's receipt as a signed text file, which they can keep and have checked."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import discord

from i18n import tr
from i18n.plain import PLAIN

_TIMESTAMP = re.compile(r"<t:(-?\d+):([a-zA-Z])>")
_LINK = re.compile(r"\[([^\]\n]*)\]\((https?://[^)\s]*)\)")
_HEADING = re.compile(r"^#{1,3} ", re.MULTILINE)
_ESCAPE = re.compile(r"\\([^\w\s])")
_BOLD = re.compile(r"(?<!\\)\*\*")


def receipt_file(text: str, number: str, sign: Callable[[str], str]) -> discord.File:
    """Return the receipt's text as a signed file. `text`: with Discord's markup; `number`: the receipt's."""
    words = f"{without_markup(text)}\n\n{tr('receipt.file_note')}\n"
    return discord.File(io.BytesIO(sign(words).encode()), filename=f"receipt-{number}.txt")


def without_markup(text: str) -> str:
    """Return a Discord message as plain text, with dates in UTC."""
    text = _TIMESTAMP.sub(lambda found: _moment(int(found[1]), found[2]), text)
    text = _LINK.sub(r"\1: \2", text)
    return _ESCAPE.sub(r"\1", _BOLD.sub("", _HEADING.sub("", text)))


def _moment(at: int, style: str) -> str:
    return PLAIN.day(at) if style in "dD" else PLAIN.moment(at)
