"""Rounds over all subscriptions that take longer than the interval between two sweeps."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from billing.errors import ProviderRefused, ProviderUnavailable
from billing.model import Event, Status, Subject, Subscription
from billing.ports import ALL, ListPart
from billing.sweep_state import load_sweep
from billing.use_cases import sweep as sweep_module
from billing.use_cases import sweep_round
from billing.use_cases.doctor import find_round_time
from billing.use_cases.sweep import sweep
from billing.use_cases.sweep_round import WEEK, Numbers, load_round_time
from i18n.plain import plain_words
from tests.rules.builders import DAY
from tests.rules.harness import RulesHarness, open_harness

NAMES = [f"sub_{number}" for number in range(6)]


class Listing:
    """The provider's list, which notes what was asked for; `stop` ends it after so many subscriptions."""

    def __init__(self, world: RulesHarness) -> None:
        self._list = world.provider.list_subscriptions
        self.parts: list[ListPart] = []
        self.stop: dict[int, BaseException] = {}
        self.killed_at = -1
        world.provider.list_subscriptions = self.read  # type: ignore[method-assign]  # it reads on through it

    async def read(self, known: object = (), part: ListPart = ALL) -> AsyncIterator[Subscription]:
        self.parts.append(part)
        number = 0
        async for one in self._list((), part):
            if error := self.stop.pop(number, None):
                raise error
            if number == self.killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            number += 1
            yield one


@pytest.fixture
async def listing(world: RulesHarness, monkeypatch: pytest.MonkeyPatch) -> Listing:
    """Six members pay. Rounds are kept after every two subscriptions."""
    monkeypatch.setattr(sweep_round, "RESUMES_AFTER", 0.0)
    monkeypatch.setattr(sweep_round, "SAVED_EVERY", 0.0)
    monkeypatch.setattr(sweep_module, "TOGETHER", 2)
    await fill(world)
    return Listing(world)


async def fill(world: RulesHarness) -> None:
    await world.add_plan()
    for number, name in enumerate(NAMES):
        await world.subscribe(name, member_id=900 + number)
    world.provider.calls.clear()


def shorten(world: RulesHarness) -> None:
    """Let no round fit into the interval."""
    world.ports = replace(world.ports, sync_interval=0.0)


async def test_a_round_that_was_broken_off_continues_where_it_stopped(
    world: RulesHarness, listing: Listing
) -> None:
    listing.stop[4] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await sweep(world.ports)
    assert await sweep(world.ports) == []
    assert [part.after for part in listing.parts] == ["", NAMES[3]]
    await world.settle()
    assert world.provider.count("fetch_subscription") == 0  # none was missed in the list


async def sweep_until_killed(path: Path) -> None:
    """In a process of its own: the six members pay, and the process is killed in the middle of a sweep."""
    async with open_harness(path) as world:
        await fill(world)
        listing = Listing(world)
        listing.killed_at = 4
        await sweep(world.ports)


def run_until_killed(path: Path) -> None:
    sweep_round.RESUMES_AFTER = sweep_round.SAVED_EVERY = 0.0
    sweep_module.TOGETHER = 2
    asyncio.run(sweep_until_killed(path))


async def test_a_round_in_which_the_process_is_killed_continues_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    process = get_context("spawn").Process(target=run_until_killed, args=(path,))
    process.start()
    await asyncio.to_thread(process.join, 50)
    assert process.exitcode == -signal.SIGKILL
    async with open_harness(path) as world:
        known = [await world.recorded(name) for name in NAMES]
        world.provider.subscriptions = {one.key.id: replace(one, binding=None) for one in known}
        listing = Listing(world)
        assert await sweep(world.ports) == []
        assert [part.after for part in listing.parts] == [NAMES[3]]
        await world.settle()
        assert world.provider.count("fetch_subscription") == 0  # none was missed in the list


async def test_a_short_round_that_failed_starts_over(
    world: RulesHarness, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_round, "RESUMES_AFTER", 60.0)
    listing.stop[4] = ProviderUnavailable()
    assert len(await sweep(world.ports)) == 1
    assert await sweep(world.ports) == []
    assert [part.after for part in listing.parts] == ["", ""]


async def test_a_long_round_takes_several_sweeps_and_is_then_complete(
    world: RulesHarness, listing: Listing
) -> None:
    shorten(world)
    world.provider.subscriptions["sub_5"] = replace(
        world.provider.subscriptions["sub_5"], status=Status.ENDED
    )
    for number in range(3):
        assert await sweep(world.ports) == []
        complete = (await load_sweep(world.ledger, world.provider)).good_at is not None
        assert complete == (number == 2)
    await world.settle()
    assert [part.after for part in listing.parts] == ["", NAMES[1], NAMES[3]]
    assert (await world.recorded("sub_5")).status is Status.ENDED
    assert world.holders() == 5


async def test_events_whose_notifications_were_lost_are_found_during_a_long_round(
    world: RulesHarness, listing: Listing
) -> None:
    shorten(world)
    await sweep(world.ports)
    ended = replace(world.provider.subscriptions["sub_0"], status=Status.ENDED)
    world.provider.subscriptions["sub_0"] = ended
    subject = Subject("subscription", "sub_0")
    world.provider.events.append(Event("stripe", "test", "evt_lost", "updated", subject, world.now))
    await sweep(world.ports)
    await world.settle()
    assert (await world.recorded("sub_0")).status is Status.ENDED


async def test_long_rounds_list_the_ended_once_a_week(world: RulesHarness, listing: Listing) -> None:
    await sweep(world.ports)
    await world.ledger.record_value("took_whole stripe:test", "7200.0")
    await sweep(world.ports)
    await world.pass_time(WEEK + DAY)
    await world.ledger.record_value("took_whole stripe:test", "7200.0")
    await sweep(world.ports)
    assert [part.ended for part in listing.parts] == [True, False, True]


async def test_a_subscription_that_ended_is_fetched_where_only_the_living_are_listed(
    world: RulesHarness, listing: Listing
) -> None:
    await sweep(world.ports)
    await world.ledger.record_value("took_whole stripe:test", "7200.0")
    ended = replace(world.provider.subscriptions["sub_0"], status=Status.ENDED)
    world.provider.subscriptions["sub_0"] = ended
    await sweep(world.ports)
    await world.settle()
    assert not listing.parts[-1].ended
    assert world.holders() == 5


async def test_a_place_that_the_provider_knows_no_more_is_forgotten(
    world: RulesHarness, listing: Listing
) -> None:
    listing.stop[4] = ProviderUnavailable()
    await sweep(world.ports)
    listing.stop[0] = ProviderRefused()
    assert len(await sweep(world.ports)) == 1
    assert await sweep(world.ports) == []
    assert [part.after for part in listing.parts] == ["", NAMES[3], ""]


async def test_the_time_of_a_round_is_kept(world: RulesHarness, listing: Listing) -> None:
    assert (await load_round_time(world.ledger, world.provider)).seconds is None
    await sweep(world.ports)
    time = await load_round_time(world.ledger, world.provider)
    assert time.seconds is not None
    assert not time.is_long(3600)


def test_numbers_are_kept_as_text() -> None:
    numbers = Numbers()
    for one in (1, 7, 8, 100_000):
        numbers.add(one)
    again = Numbers(numbers.text())
    assert [one for one in range(100_010) if one in again] == [1, 7, 8, 100_000]


@pytest.mark.parametrize(
    ("took", "says"),
    [("20.0", ""), ("1200.0", "takes about 20 minutes."), ("7200.0", "where the last one stopped")],
)
async def test_doctor_says_how_long_a_round_takes(world: RulesHarness, took: str, says: str) -> None:
    for name in ("took", "took_whole"):
        await world.ledger.record_value(f"{name} stripe:test", took)
    found = await find_round_time(world.ports, world.provider)
    assert [says in plain_words(one.message) for one in found] == [True] * bool(says)


async def test_doctor_says_that_the_first_round_is_not_complete(
    world: RulesHarness, listing: Listing
) -> None:
    shorten(world)
    await sweep(world.ports)
    (found,) = await find_round_time(world.ports, world.provider)
    assert "isn't finished yet" in plain_words(found.message)
