"""Damage in a ledger that is too large for a check at the start is found after it; nothing waits for that."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerDamaged
from billing.webhook_arrivals import Arrivals
from db import SqliteLedger
from db.sqlite.integrity_check import IntegrityCheck
from i18n.plain import plain_words
from standins.clock import MovableClock
from tests.contract.ledger.nouns import event
from web.health import Readiness

pytestmark = pytest.mark.usefixtures("large")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ledger counts as one."""
    monkeypatch.setattr("db.sqlite.schema.CHECKED_WHOLE", 0)


async def damaged(path: Path) -> None:
    """One in which the opening meets no damage, nor what is looked at for /readyz."""
    async with await SqliteLedger.open(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE spare (text)")
        db.executemany("INSERT INTO spare VALUES (?)", [("x" * 3000,)] * 100)
        db.commit()
    with path.open("rb+") as file:
        file.seek(path.stat().st_size - 20 * 4096)
        file.write(os.urandom(3 * 4096))


async def done(ledger: SqliteLedger) -> None:
    task = ledger._whole._task
    assert task is not None
    await task


async def test_damage_found_by_the_integrity_check_is_reported_everywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.db"
    await damaged(path)
    async with await SqliteLedger.open(path) as ledger:
        await ledger.record_events([event()], 10)
        await done(ledger)
        assert (await ledger.load_health(10)).damage
        ready = Readiness(ledger, MovableClock(), lambda: None, {}, Arrivals(0))
        assert (await ready.faults())[0]["ledger"].startswith(plain_words(LedgerDamaged.user_message))
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"The ledger at {path} is damaged" in told


async def test_an_undamaged_ledger_is_checked_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await done(ledger)
        assert (await ledger.load_health(10)).damage == ""
    assert sum("was read whole" in record.getMessage() for record in caplog.records) == 1


async def test_opening_a_ledger_does_not_wait_for_the_integrity_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(check: IntegrityCheck) -> str:
        check._ended.wait(20)
        return "ok"

    monkeypatch.setattr(IntegrityCheck, "_check", slowly)
    started = time.monotonic()
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        assert await ledger.record_events([event()], 10) == 1
        assert ledger._whole._task is not None
        assert not ledger._whole._task.done()
    assert time.monotonic() - started < 15


async def test_closing_a_ledger_stops_its_integrity_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    monkeypatch.setattr(
        "db.sqlite.integrity_check.quick_check", lambda db: str(db.execute(forever).fetchone()[0])
    )
    async with await SqliteLedger.open(tmp_path / "ledger.db"):
        await asyncio.sleep(0.1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
