"""Formats texts for a terminal, a log or a plain-text e-mail."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from babel.dates import format_date, format_datetime

from billing.model import Money
from billing.model.translatable_text import Text
from i18n.catalogue import spoken_language
from i18n.money import format_money
from i18n.render import render


class PlainFormats:
    """Formats placeholders as plain words: no markup, times in UTC, people and roles by their ids."""

    def name(self, typed: str) -> str:
        return typed

    def verbatim(self, text: str) -> str:
        return text

    def money(self, amount: Money) -> str:
        return format_money(amount, spoken_language())

    def day(self, at: int) -> str:
        return format_date(datetime.fromtimestamp(at, UTC), "long", locale=spoken_language())

    def moment(self, at: int) -> str:
        words = format_datetime(datetime.fromtimestamp(at, UTC), "long", locale=spoken_language())
        return words.replace("\u202f", " ")  # many terminals cannot display the narrow space

    def member(self, member_id: int) -> str:
        return str(member_id)

    def role(self, role_id: int) -> str:
        return str(role_id)


PLAIN = PlainFormats()


_HISTORY = re.compile(r"\bhistory\.[a-z_]+")


def history_words(why: str) -> str:
    """Replace the text codes in a reason from the ledger's history with words; keep what an admin typed."""
    return _HISTORY.sub(lambda code: plain_words(Text(code[0])), why)


def plain_words(text: Text | str) -> str:
    """Render a text in the current language for a terminal, a log or a plain-text e-mail."""
    return render(text, PLAIN)
