"""How often the timer looks, and that no work waits for it longer than necessary."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from billing.errors import DiscordUnavailable
from billing.model import Binding, Intent, IntentKind
from billing.ports import SyncResult
from standins.clock import MovableClock
from tests.rules.builders import GUILD, MEMBER
from tests.rules.harness import RulesHarness, run_worker, until


def watch(harness: RulesHarness, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moments at which the timer looks."""
    due, looked = harness.ledger.record_due, list[int]()

    async def count(at: int) -> int:
        looked.append(at)
        return await due(at)

    monkeypatch.setattr(harness.ledger, "record_due", count)
    return looked


async def test_the_timer_reads_the_ledger_once_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        looked = watch(harness, monkeypatch)
        harness.worker.start()
        for number in range(50):
            await harness.ring("subscription", f"sub_{number}")
        await until(lambda: harness.provider.count("fetch_subscription") >= 50)
        assert len(looked) == len(set(looked))


async def test_a_retry_becomes_due_even_if_new_work_came_just_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New work cuts the timer's sleep short, and only the timer wakes the queues once the retry is due."""
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        begun, clock = harness.now, harness.clock
        assert isinstance(clock, MovableClock)
        monkeypatch.setattr(clock, "now", lambda: begun + clock._offset)  # the clock stands still
        looked = watch(harness, monkeypatch)
        harness.worker.start()
        await until(lambda: harness.retries == 2)  # the sweep at the start is over
        await harness.add_plan()
        await harness.offer("sub_1")
        harness.roles.faults["fetch"] = DiscordUnavailable()
        await harness.ring("subscription", "sub_1")
        await until(lambda: ("fetch", MEMBER) in harness.roles.log)
        await harness.quiet()
        del harness.roles.faults["fetch"]
        due = await harness.ledger.load_next_due(harness.now)
        assert due is not None
        harness.clock.advance(due - 1 - harness.now)
        await until(lambda: looked[-1] == due - 1)
        await harness.ledger.record_value("something", "new")
        await harness.quiet()
        harness.clock.advance(1)
        await until(lambda: harness.holders() == 1)


async def test_the_log_of_an_intent_contains_no_text_of_a_person(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "billing.worker.runner")
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        await harness.add_plan()
        sub = await harness.offer("sub_1")
        now = harness.now
        found = SyncResult(replace(sub, binding=Binding(GUILD, MEMBER)), "test", "fetched", "test", now)
        await harness.ledger.record_synced(found)
        intent = Intent("intent", IntentKind.CANCEL_NOW, sub.key, 7, "rude", now, next_attempt_at=now)
        await harness.ledger.record_intent(intent)
        harness.worker.start()
        await until(lambda: "execute_intent" in caplog.text)
    assert "cancel_now, done in" in caplog.text
    assert "rude" not in caplog.text
