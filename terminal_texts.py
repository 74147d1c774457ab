"""Prints refusals and the usage on the terminal, in the language of its locale."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

from billing.model.translatable_text import Text
from config import terminal_locale
from i18n import tr, use_language
from i18n.plain import plain_words
from terminal import refuse


def terminal_language() -> AbstractContextManager[None]:
    """Return a context in which texts are in the terminal's language.

    The running bot does not use it, because its log is English.
    """
    return use_language(terminal_locale())


def refuse_texts(code: int, *reasons: Text | str) -> int:
    """Print why a command cannot be carried out; returns the exit code."""
    with terminal_language():
        return refuse(code, *map(plain_words, reasons), heading=tr("terminal.refused"))


def show_usage() -> int:
    """Print the available commands to stderr; returns the exit code for wrong usage."""
    with terminal_language():
        print(tr("terminal.usage"), file=sys.stderr)  # noqa: T201 - a terminal asked for it
    return 2
