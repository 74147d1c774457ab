"""Events find their subscriptions: those that name it together, those that must ask each on its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from billing.model import Event, Subject
from billing.worker.queues import LOCATED_AT_ONCE
from tests.rules.builders import DAY, MEMBER, OTHER_MEMBER
from tests.rules.harness import RulesHarness, run_worker, until


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[RulesHarness]:
    async with run_worker(tmp_path / "ledger.db") as made:
        await until(lambda: made.retries == 2)  # at the start, and after the first sweep
        yield made


def event(harness: RulesHarness, kind: str, name: str) -> Event:
    return Event("stripe", "test", f"evt_{name}", "k", Subject(kind, name), harness.now)


async def test_events_that_name_their_subscription_are_located_in_groups(
    harness: RulesHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.add_plan()
    names = [f"sub_{number}" for number in range(LOCATED_AT_ONCE + 9)]
    for number, name in enumerate(names):
        await harness.offer(name, member_id=MEMBER + number)
    with caplog.at_level(logging.INFO, "billing.worker.runner"):
        events = [event(harness, "subscription", name) for name in names]
        await harness.ledger.record_events(events, harness.now)
        await until(lambda: harness.holders() == len(names))
        told = [f"locate: {size} located" for size in (LOCATED_AT_ONCE, 9)]
        await until(lambda: all(one in caplog.text for one in told))


async def test_a_failing_event_in_a_group_delays_no_others(
    harness: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.add_plan()
    await harness.offer("sub_1")
    await harness.offer("sub_2", member_id=OTHER_MEMBER)
    located = harness.ledger.record_located

    async def record(one: Event, *rest: Any) -> None:
        if one.id == "evt_poison":
            raise ValueError("a fault of ours")
        await located(one, *rest)

    monkeypatch.setattr(harness.ledger, "record_located", record)
    events = [event(harness, "subscription", name) for name in ("sub_1", "poison", "sub_2")]
    await harness.ledger.record_events(events, harness.now)
    await until(lambda: harness.holders() == 2)
    await harness.quiet()
    later = harness.now + DAY
    assert [one.id for one in await harness.ledger.load_pending_events(later, 9)] == ["evt_poison"]
    monkeypatch.setattr(harness.ledger, "record_located", located)
    harness.clock.advance(5)

    async def done() -> bool:
        return not await harness.ledger.load_pending_events(later, 9)

    await until(done)


async def test_a_silent_provider_does_not_delay_events_that_name_their_subscription(
    harness: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.add_plan()
    await harness.offer("sub_1")
    answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    asked: list[Subject] = []

    async def locate(subject: Subject) -> list[str]:
        asked.append(subject)
        return await answer

    monkeypatch.setattr(harness.provider, "locate", locate)
    await harness.ledger.record_events([event(harness, "charge", "ch_1")], harness.now)
    await until(lambda: asked == [Subject("charge", "ch_1")])
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.holders() == 1)
    answer.set_result([])
    await harness.quiet()
