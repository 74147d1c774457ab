"""Converts PayPal's times to and from unix seconds, and adds calendar intervals to them."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from billing.errors import ProviderMisread

_LATEST = 1 << 37  # some 4000 years ahead; later times do not fit in a date


def moment(text: str) -> int:
    """Parse an RFC 3339 time to unix seconds. Raises ProviderMisread if `text` is not a time."""
    try:
        found = datetime.fromisoformat(text.upper())
        if found.tzinfo is None:
            raise ValueError(text)  # noqa: TRY301 - one error for every unreadable time
        return int(found.timestamp())
    except (ValueError, OverflowError):
        raise ProviderMisread(detail="a time is not readable") from None


def stamp(at: float) -> str:
    """Format a time, given in unix seconds, in whole seconds as PayPal reads it."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(at: int, unit: str, count: int, day: int = 0) -> int:
    """Return the time `count` days, weeks, months or years after `at`, in unix seconds, counted in UTC.

    A day that a month lacks becomes its last day. `day`: the day of the month on which the cycle began, to
    which the result returns after a shorter month.
    """
    if not 0 <= at < _LATEST:
        raise ProviderMisread(detail="a time is not readable")
    start = datetime.fromtimestamp(at, UTC)
    if unit in ("day", "week"):
        return int((start + timedelta(days=count * (7 if unit == "week" else 1))).timestamp())
    months = start.month - 1 + count * (12 if unit == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    at_end = start.day == calendar.monthrange(start.year, start.month)[1]
    wanted, last = max(start.day, day if at_end else 0), calendar.monthrange(year, month)[1]
    return int(start.replace(year=year, month=month, day=min(wanted, last)).timestamp())


def day_of(at: int) -> int:
    """Return the day of the month, in UTC, of a time in unix seconds."""
    return datetime.fromtimestamp(at, UTC).day
