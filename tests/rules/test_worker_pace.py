"""How the worker's work is spread over the event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from billing.model import Subscription
from billing.ports import Ports
from tests.rules.builders import make_key
from tests.rules.harness import run_worker


async def test_each_item_begins_in_its_own_turn_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a command would wait for all beginnings together."""

    async def no_sweep(ports: Ports) -> list[str]:
        return []

    monkeypatch.setattr("billing.worker.schedule.sweep", no_sweep)  # it fetches, too, at the start
    async with run_worker(tmp_path / "ledger.db") as harness:
        turns, began = 0, []
        fetch = harness.provider.fetch_subscription

        async def note(subscription_id: str) -> Subscription:
            began.append(turns)
            return await fetch(subscription_id)

        async def record() -> None:
            await harness.ledger.record_stale([make_key(name) for name in names], "test", harness.now)

        monkeypatch.setattr(harness.provider, "fetch_subscription", note)
        names = [f"sub_{number}" for number in range(12)]
        for name in names:
            await harness.offer(name)
        # The first may begin before who recorded them hears of it.
        recording = asyncio.create_task(record())
        while len(began) < len(names):
            await asyncio.sleep(0)
            turns += 1
        await recording
        assert len(set(began)) == len(names)
