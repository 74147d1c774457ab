"""How far this machine's clock is from the provider's, by each answer's Date header."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from billing.errors import ProviderNotFound
from providers.base import clock_skew
from tests.contract.providers.harness import Surroundings


async def test_the_date_of_an_answer_shows_the_clock_skew(there: Surroundings) -> None:
    with pytest.raises(ProviderNotFound):
        await there.provider.fetch_subscription("I-NOTHING")
    skew = there.provider.clock_skew
    assert skew is not None
    assert abs(skew) < 60


async def test_a_pause_before_an_answer_is_read_is_not_taken_for_clock_skew(
    there: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProviderNotFound):
        await there.provider.fetch_subscription("I-NOTHING")

    def dated(now: float, usegmt: bool) -> str:
        there.clock.advance(600)
        return formatdate(now, usegmt=usegmt)

    monkeypatch.setattr("standins.clock.formatdate", dated)
    with pytest.raises(ProviderNotFound):
        await there.provider.fetch_subscription("I-NOTHING")
    assert abs(there.provider.clock_skew or 0.0) < 60


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_an_unreadable_date_header_gives_no_clock_skew(date: str | None) -> None:
    assert clock_skew(date, 0.0, 0.0) is None


def test_clock_skew_is_positive_if_this_machine_is_ahead() -> None:
    assert clock_skew("Thu, 01 Jan 1970 00:01:00 GMT", 99.0, 100.0) == 40.0


@pytest.mark.parametrize("now", [4_000.0, -4_000.0])
def test_a_clock_set_during_a_call_gives_no_clock_skew(now: float) -> None:
    """So does a machine that slept: the header may be older than its nap."""
    assert clock_skew("Thu, 01 Jan 1970 00:01:40 GMT", 100.0, now) is None
