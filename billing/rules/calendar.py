"""Billing dates. Periods are counted from an anchor, so that the 31st returns after February."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

FAR = 1 << 37  # unix seconds of some 4000 years ahead; later moments cannot be written as a date


def later(anchor: int, interval: str, count: int) -> int:
    """Return the moment `count` days, weeks, months or years after `anchor`, in unix seconds UTC.

    A day that a month lacks becomes the month's last day. Returns FAR if the date would be too late.
    """
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
