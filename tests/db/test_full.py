"""A ledger that can be read and not written is not well."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerUnavailable
from db.sqlite.ledger import SqliteLedger
from tests.contract.ledger.nouns import plan


async def test_health_reports_a_full_disk_until_a_write_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await SqliteLedger.open(path) as ledger:
        await ledger._writer.run(lambda db: db.execute("PRAGMA busy_timeout = 0").fetchall())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert (await ledger.load_health(10)).inbox == 0, "nobody has tried"
            with pytest.raises(LedgerUnavailable):
                await ledger.record_value("something", "new")
            for at in (11, 12):
                with pytest.raises(LedgerUnavailable):
                    await ledger.load_health(at)
            other.execute("ROLLBACK")
        assert (await ledger.load_health(13)).inbox == 0
        assert not ledger._writer.failed


async def test_a_write_that_changes_nothing_does_not_end_the_report_of_a_full_disk(tmp_path: Path) -> None:
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        ledger._writer.failed = True
        await ledger.record_retry(10, 10)
        assert ledger._writer.failed
        await ledger.record_value("something", "new")
        assert not ledger._writer.failed


async def test_a_failed_backup_is_reported_once_until_one_succeeds(tmp_path: Path) -> None:
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.record_plan(plan(), "1", 10)
        for at, why in ((20, "full"), (30, "full"), (40, ""), (50, "full")):
            await ledger.record_backup_failed(why, at)
            assert (await ledger.load_health(at)).backup_failed == why
        told = await ledger.load_notices(99, 9)
        assert [(notice.body.kind, notice.created_at) for notice in told] == [
            ("backup_failed", 20),
            ("backup_failed", 50),
        ]
