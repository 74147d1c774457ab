"""A machine slept, or its clock was set: what is due by the clock is done within half a minute of work."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from billing.model import Status
from tests.rules.builders import MONTH
from tests.rules.harness import START, RulesHarness, run_worker, until

FAST = 100  # of its seconds pass in one of ours


class SteppingClock:
    """Its sleeps go by time that passed while the machine was awake, so a step shortens none of them."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.steps = 0.0

    @property
    def at(self) -> float:
        return START + (time.monotonic() - self._begun) * FAST + self.steps

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FAST)


def at(harness: RulesHarness, clock: SteppingClock) -> None:
    """Let everything in the harness go by this clock."""
    object.__setattr__(harness.ports, "clock", clock)
    harness.clock = harness.provider.clock = clock  # type: ignore[assignment]  # it is turned by itself


async def test_work_due_while_the_machine_slept_is_done_soon_after_it_wakes(
    tmp_path: Path,
) -> None:
    clock = SteppingClock()
    async with run_worker(tmp_path / "ledger.db", interval=10 * MONTH, start=False) as harness:
        at(harness, clock)
        await harness.add_plan()
        await harness.offer("sub_1", Status.ACTIVE, ends_at=START + MONTH)
        await harness.ring("subscription", "sub_1")
        harness.worker.start()
        await until(lambda: harness.holders() == 1)
        await harness.quiet()
        harness.provider.subscriptions["sub_1"] = await harness.offer("sub_1", Status.ENDED)
        clock.steps = woke = MONTH + 1  # it slept
        await until(lambda: harness.holders() == 0)
        assert clock.at < START + woke + 300


async def test_a_sweep_is_not_delayed_by_the_time_the_machine_slept(tmp_path: Path) -> None:
    clock = SteppingClock()
    async with run_worker(tmp_path / "ledger.db", interval=MONTH, start=False) as harness:
        at(harness, clock)
        harness.worker.start()
        await until(lambda: harness.retries == 2)
        clock.steps = MONTH
        await until(lambda: harness.retries == 3)
        assert clock.at < START + MONTH + 300


async def test_a_clock_set_back_does_not_postpone_the_sweep(tmp_path: Path) -> None:
    clock = SteppingClock()
    async with run_worker(tmp_path / "ledger.db", interval=3_600, start=False) as harness:
        at(harness, clock)
        harness.worker.start()
        await until(lambda: harness.retries == 2)
        clock.steps = -MONTH
        await until(lambda: harness.retries == 3)
        assert clock.at < START - MONTH + 300
