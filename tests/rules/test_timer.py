"""How often the timer looks, and that nothing waits for it longer than it must."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from billing.errors import DiscordUnavailable
from billing.model import Binding, Intent, IntentKind
from billing.ports import SyncResult
from tests.rules.builders import GUILD, MEMBER
from tests.rules.worker_harness import Bench, quiet, run, until


def watch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moments at which the timer looks."""
    due, looked = bench.ledger.record_due, list[int]()

    async def count(at: int) -> int:
        looked.append(at)
        return await due(at)

    monkeypatch.setattr(bench.ledger, "record_due", count)
    return looked


async def test_the_timer_looks_once_a_second_however_much_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        looked = watch(bench, monkeypatch)
        bench.worker.start()
        for number in range(50):
            await bench.ring(f"sub_{number}")
        await until(lambda: bench.provider.count("fetch_subscription") >= 50)
        assert len(looked) == len(set(looked))


async def test_a_retry_is_taken_up_though_something_new_came_just_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cuts the timer's sleep short, and once the retry is due nothing but the timer wakes the lanes."""
    async with run(tmp_path / "ledger.db", start=False) as bench:
        begun = bench.ports.now()
        monkeypatch.setattr(bench.clock, "now", lambda: begun + bench.clock._offset)  # time stands still
        looked = watch(bench, monkeypatch)
        bench.worker.start()
        await until(lambda: bench.retries == 2)  # the sweep at the start is over
        await bench.sell()
        await bench.offer("sub_1")
        bench.roles.faults["fetch"] = DiscordUnavailable()
        await bench.ring("sub_1")
        await until(lambda: ("fetch", MEMBER) in bench.roles.log)
        await quiet(bench)
        del bench.roles.faults["fetch"]
        due = await bench.ledger.load_next_due(bench.ports.now())
        assert due is not None
        bench.clock.advance(due - 1 - bench.ports.now())
        await until(lambda: looked[-1] == due - 1)
        await bench.ledger.record_value("something", "new")
        await quiet(bench)
        bench.clock.advance(1)
        await until(lambda: bench.holders() == 1)


async def test_the_log_of_a_wish_holds_no_words_of_a_person_s(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "billing.worker.runner")
    async with run(tmp_path / "ledger.db", start=False) as bench:
        await bench.sell()
        sub = await bench.offer("sub_1")
        now = bench.ports.now()
        found = SyncResult(replace(sub, binding=Binding(GUILD, MEMBER)), "test", "fetched", "test", now)
        await bench.ledger.record_synced(found)
        wish = Intent("wish", IntentKind.CANCEL_NOW, sub.key, 7, "rude", now, next_attempt_at=now)
        await bench.ledger.record_intent(wish)
        bench.worker.start()
        await until(lambda: "execute intent" in caplog.text)
    assert "cancel_now, done in" in caplog.text
    assert "rude" not in caplog.text
