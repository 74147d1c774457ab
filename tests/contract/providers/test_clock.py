"""How far this machine's clock is from the provider's, by each answer's Date header."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from billing.errors import ProviderNotFound
from providers.base import clock_skew
from tests.contract.providers.harness import Surroundings


async def test_an_answer_tells_how_far_the_clocks_are_apart(there: Surroundings) -> None:
    with pytest.raises(ProviderNotFound):
        await there.provider.fetch_subscription("I-NOTHING")
    skew = there.provider.clock_skew
    assert skew is not None
    assert abs(skew) < 60


async def test_a_nap_between_an_answer_and_its_reading_is_no_wrong_clock(
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
def test_a_date_that_cannot_be_read_says_nothing(date: str | None) -> None:
    assert clock_skew(date, 0.0, 0.0) is None


def test_the_skew_is_what_our_clock_is_ahead() -> None:
    assert clock_skew("Thu, 01 Jan 1970 00:01:00 GMT", 99.0, 100.0) == 40.0


@pytest.mark.parametrize("now", [4_000.0, -4_000.0])
def test_a_clock_that_was_set_while_the_answer_came_says_nothing(now: float) -> None:
    """So does a machine that slept: the header may be older than its nap."""
    assert clock_skew("Thu, 01 Jan 1970 00:01:40 GMT", 100.0, now) is None
