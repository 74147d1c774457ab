"""Converts between PayPal's times (ISO 8601) and unix seconds, and finds the hour of renewals."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from standins.stripe.dates import after, spoken

__all__ = ["after", "billing_day", "parse", "spoken", "stamp", "stamp_ms"]

SHAPE = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_ms(moment: float) -> str:
    """Format a time, given in unix seconds, with milliseconds as in events."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> int:
    """Parse a timestamp to unix seconds. Raises ValueError if it is invalid or has no time zone."""
    if not SHAPE.fullmatch(text):
        raise ValueError(text)
    return int(datetime.fromisoformat(text.upper()).timestamp())


def billing_day(moment: int) -> int:
    """Return 10:00 UTC on the day of `moment`, in unix seconds.

    Live subscriptions renew at that hour, at whatever time of day they began.
    """
    return int(datetime.fromtimestamp(moment, UTC).replace(hour=10, minute=0, second=0).timestamp())
