"""Calculates billing periods, counted from an anchor date.

Because of the anchor, a renewal on the 31st returns to that day after February.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta


def after(anchor: int, interval: str, count: int) -> int:
    """Return the time `count` intervals after `anchor`, both in unix seconds, counted in UTC.

    A day that a shorter month lacks becomes its last day.
    """
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in ("day", "week"):
        days = count * (7 if interval == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    months = start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def period_from(anchor: int, interval: str, count: int, moment: int) -> tuple[int, int]:
    """Return start and end of the anchored period that contains `moment`, in unix seconds.

    If the anchor is still ahead, the first period is short and ends there.
    """
    if moment < anchor:
        return moment, anchor
    n = 0
    while after(anchor, interval, (n + 1) * count) <= moment:
        n += 1
    return after(anchor, interval, n * count), after(anchor, interval, (n + 1) * count)


def year_of(moment: float) -> int:
    return datetime.fromtimestamp(moment, UTC).year


def month_of(moment: float) -> int:
    return datetime.fromtimestamp(moment, UTC).month


def spoken(moment: int) -> str:
    """Return a date, given in unix seconds, as hosted pages write it: 3 November 2026."""
    date = datetime.fromtimestamp(moment, UTC)
    return f"{date.day} {date.strftime('%B %Y')}"
