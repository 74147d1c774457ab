"""Billing periods: counted from the anchor, without gap or overlap."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standins.stripe.dates import after, period_from


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "expected"),
    [
        ("2026-01-31T10:00", "month", 1, "2026-02-28T10:00"),
        ("2026-01-31T10:00", "month", 2, "2026-03-31T10:00"),
        ("2028-02-29T00:00", "year", 1, "2029-02-28T00:00"),
        ("2028-02-29T00:00", "year", 4, "2032-02-29T00:00"),
        ("2026-11-30T23:59", "month", 3, "2027-02-28T23:59"),
        ("2026-12-30T00:00", "week", 1, "2027-01-06T00:00"),
        ("2026-12-31T00:00", "day", 1, "2027-01-01T00:00"),
    ],
)
def test_intervals_are_added_by_the_calendar(anchor: str, interval: str, count: int, expected: str) -> None:
    assert after(at(anchor), interval, count) == at(expected)


@given(
    anchor=st.integers(at("2020-01-01"), at("2030-01-01")),
    interval=st.sampled_from(["day", "week", "month", "year"]),
    count=st.integers(1, 3),
    passed=st.integers(0, 400 * 86_400),
)
def test_consecutive_billing_periods_meet_without_a_gap(
    anchor: int, interval: str, count: int, passed: int
) -> None:
    start, end = period_from(anchor, interval, count, anchor + passed)
    assert start <= anchor + passed < end
    assert period_from(anchor, interval, count, end)[0] == end


def test_a_period_before_the_billing_anchor_is_short() -> None:
    assert period_from(1000, "month", 1, 400) == (400, 1000)
