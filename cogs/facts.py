"""Reading a notice's facts."""

from __future__ import annotations

from billing.model import Notice


def fact(notice: Notice, name: str) -> str:
    """As text; empty where there is none."""
    value = notice.facts.get(name)
    return "" if value is None else str(value)


def number(notice: Notice, name: str) -> int | None:
    """As a number, such as a moment or a role."""
    value = fact(notice, name)
    return int(value) if value else None
