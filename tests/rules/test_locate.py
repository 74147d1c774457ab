"""Events find their subscriptions: those that name it together, those that must ask each on its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from billing.model import Event, Subject
from billing.worker.runner import LOCATED_AT_ONCE
from tests.rules.builders import DAY
from tests.rules.worker_harness import Bench, quiet, run, until


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with run(tmp_path / "ledger.db") as made:
        await until(lambda: made.retries == 2)  # at the start, and after the first sweep
        yield made


def event(bench: Bench, kind: str, name: str) -> Event:
    return Event("stripe", "test", f"evt_{name}", "k", Subject(kind, name), bench.ports.now())


async def test_those_that_name_it_are_few_pieces(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.sell()
    names = [f"sub_{number}" for number in range(LOCATED_AT_ONCE + 9)]
    for name in names:
        await bench.offer(name)
    with caplog.at_level(logging.INFO, "billing.worker.runner"):
        events = [event(bench, "subscription", name) for name in names]
        await bench.ledger.record_events(events, bench.ports.now())
        await until(lambda: bench.holders() == len(names))
        told = [f"locate: {size} located" for size in (LOCATED_AT_ONCE, 9)]
        await until(lambda: all(one in caplog.text for one in told))


async def test_one_at_fault_holds_up_no_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.sell()
    await bench.offer("sub_1")
    await bench.offer("sub_2")
    located = bench.ledger.record_located

    async def record(one: Event, keys: Any, at: int) -> None:
        if one.id == "evt_poison":
            raise ValueError("a fault of ours")
        await located(one, keys, at)

    monkeypatch.setattr(bench.ledger, "record_located", record)
    events = [event(bench, "subscription", name) for name in ("sub_1", "poison", "sub_2")]
    await bench.ledger.record_events(events, bench.ports.now())
    await until(lambda: bench.holders() == 2)
    await quiet(bench)
    later = bench.ports.now() + DAY
    assert [one.id for one in await bench.ledger.load_pending_events(later, 9)] == ["evt_poison"]
    monkeypatch.setattr(bench.ledger, "record_located", located)
    bench.clock.advance(5)

    async def done() -> bool:
        return not await bench.ledger.load_pending_events(later, 9)

    await until(done)


async def test_a_provider_that_does_not_answer_holds_up_none_that_name_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.sell()
    await bench.offer("sub_1")
    answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    asked: list[Subject] = []

    async def locate(subject: Subject) -> list[str]:
        asked.append(subject)
        return await answer

    monkeypatch.setattr(bench.provider, "locate", locate)
    await bench.ledger.record_events([event(bench, "charge", "ch_1")], bench.ports.now())
    await until(lambda: asked == [Subject("charge", "ch_1")])
    await bench.ring("sub_1")
    await until(lambda: bench.holders() == 1)
    answer.set_result([])
    await quiet(bench)
