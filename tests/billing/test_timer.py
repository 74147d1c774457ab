"""How often the timer looks, and that nothing waits for it longer than it must."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.errors import DiscordUnavailable
from tests.billing.bench import quiet, run, until
from tests.billing.builders import MEMBER


async def test_the_timer_looks_once_a_second_however_much_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        due = bench.ledger.record_due
        looked: list[int] = []

        async def count(at: int) -> int:
            looked.append(at)
            return await due(at)

        monkeypatch.setattr(bench.ledger, "record_due", count)
        bench.worker.start()
        for number in range(50):
            await bench.ring(f"sub_{number}")
        await until(lambda: bench.provider.count("fetch_subscription") == 50)
        assert len(looked) == len(set(looked))


async def test_a_retry_is_taken_up_though_every_second_brings_something_new(tmp_path: Path) -> None:
    async with run(tmp_path / "ledger.db") as bench:
        await bench.sell()
        await bench.offer("sub_1")
        bench.roles.faults["fetch"] = DiscordUnavailable()
        await bench.ring("sub_1")
        await until(lambda: ("fetch", MEMBER) in bench.roles.log)
        await quiet(bench)
        del bench.roles.faults["fetch"]
        for turn in range(5):
            await bench.ledger.record_value("turn", str(turn))
            await quiet(bench)
            bench.clock.advance(1)
        await until(lambda: bench.holders() == 1)
