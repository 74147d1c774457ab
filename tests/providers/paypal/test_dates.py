"""Times and calendar intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import ProviderMisread
from providers.paypal.dates import after, moment, stamp

MOMENTS = st.integers(0, 1 << 33)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-01t00:00:10.999z", 10),
        ("1970-01-01T01:00:10+01:00", 10),
        ("2027-02-28T10:00:00Z", 1_803_808_800),
    ],
)
def test_a_paypal_timestamp_is_read_as_unix_seconds(text: str, at: int) -> None:
    assert moment(text) == at


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z"]
)
def test_a_timestamp_that_is_invalid_or_lacks_a_zone_is_misread(text: str) -> None:
    with pytest.raises(ProviderMisread):
        moment(text)


@given(MOMENTS)
def test_a_written_timestamp_is_read_back_unchanged(at: int) -> None:
    assert moment(stamp(at)) == at


@pytest.mark.parametrize(
    ("start", "unit", "count", "end"),
    [
        ("2027-01-31T14:32:00Z", "month", 1, "2027-02-28T14:32:00Z"),
        ("2028-01-31T14:32:00Z", "month", 1, "2028-02-29T14:32:00Z"),
        ("2027-11-30T00:00:00Z", "month", 3, "2028-02-29T00:00:00Z"),
        ("2028-02-29T00:00:00Z", "year", 1, "2029-02-28T00:00:00Z"),
        ("2027-12-31T23:59:59Z", "month", 12, "2028-12-31T23:59:59Z"),
        ("2027-01-31T14:32:00Z", "day", 30, "2027-03-02T14:32:00Z"),
        ("2027-01-31T14:32:00Z", "week", 2, "2027-02-14T14:32:00Z"),
    ],
)
def test_an_interval_is_added_by_the_calendar(start: str, unit: str, count: int, end: str) -> None:
    assert after(moment(start), unit, count) == moment(end)


@given(MOMENTS, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 365))
def test_an_interval_always_ends_after_its_start(at: int, unit: str, count: int) -> None:
    assert after(at, unit, count) > at


def test_a_moment_beyond_the_calendar_is_misread() -> None:
    with pytest.raises(ProviderMisread):
        after(1 << 60, "day", 1)
