"""Billing dates: periods are counted from an anchor, so that the 31st comes back after February."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

FAR = 1 << 37  # some 4000 years ahead; what lies beyond cannot be written as a date


def later(anchor: int, interval: str, count: int) -> int:
    """`count` days, weeks, months or years after `anchor`, in UTC; a day that a month lacks becomes its
    last one. FAR where no date goes so far."""
    try:
        return _later(anchor, interval, count)
    except (OverflowError, ValueError):
        return FAR


def _later(anchor: int, interval: str, count: int) -> int:
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in ("day", "week"):
        return int((start + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())
