"""Work begins slowly while many notifications wait to be stored, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billing.worker.runner import MANY
from db import SqliteLedger
from tests.rules.worker_harness import Bench, quiet, run, until


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with run(tmp_path / "ledger.db") as made:
        await until(lambda: made.retries == 2)  # at the start, and after the first sweep
        yield made


async def test_each_lane_begins_one_piece_and_pauses(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.sell()
    await quiet(bench)
    monkeypatch.setattr(SqliteLedger, "arriving", MANY + 1)
    monkeypatch.setattr("billing.worker.runner.PAUSE", 3600.0)
    for number in range(3):
        await bench.offer(f"sub_{number}")
        await bench.ring(f"sub_{number}")
    await until(lambda: bench.holders() >= 1)
    for _ in range(100):
        await asyncio.sleep(0.002)
    assert bench.holders() == 1


async def test_all_is_done_in_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.sell()
    monkeypatch.setattr(SqliteLedger, "arriving", MANY + 1)
    monkeypatch.setattr("billing.worker.runner.PAUSE", 0.001)
    for number in range(20):
        await bench.offer(f"sub_{number}")
        await bench.ring(f"sub_{number}")
    await until(lambda: bench.holders() == 20)
