"""Acknowledged events survive any crash of the process and fault of the disk."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import Conflict, LedgerUnavailable
from billing.model import Change
from billing.model.outbox import SubscriptionStarted, UnknownEvent
from db import SqliteLedger
from db.sqlite.copy import settle
from tests.contract.ledger.nouns import ANNA, GUILD, KEY, event, override, subscription, sync

ROOT = Path(__file__).parents[2]

# Store events as fast as possible; print each once it is acknowledged.
WRITE = """
import asyncio, pathlib, sys
from db import SqliteLedger
from tests.contract.ledger.nouns import event
async def write(ledger, connection):
    for n in range(10**6):
        await ledger.record_events([event(f"{connection}_{n}")], 10)
        print(f"{connection}_{n}", flush=True)
async def main():
    async with await SqliteLedger.open(pathlib.Path(sys.argv[1])) as ledger:
        await asyncio.gather(*(write(ledger, connection) for connection in range(8)))
asyncio.run(main())
"""


async def test_an_acknowledged_event_survives_a_kill(path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-c", WRITE, path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(300)]
        writer.kill()
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]
    async with await SqliteLedger.open(path) as ledger:
        kept = {e.id for e in await ledger.load_pending_events(10, 10**6)}
    assert len(told) >= 300
    assert set(told) <= kept


# Files may grow to 2 MiB here; beyond that the system refuses, as for a full disk.
FILL = """
import asyncio, pathlib, resource, signal, sys
from billing.errors import LedgerUnavailable
from db import SqliteLedger
from tests.contract.ledger.nouns import event
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with await SqliteLedger.open(pathlib.Path(sys.argv[1])) as ledger:
        limit(2 * 2**20)
        kept = 0
        try:
            while True:
                await ledger.record_events([event(f"{kept}_{n}") for n in range(100)], 10)
                kept += 100
        except LedgerUnavailable:
            pass
        assert len(await ledger.load_pending_events(10, 10**6)) == kept, "a failed group left something"
        limit(resource.RLIM_INFINITY)
        await ledger.record_events([event("after")], 11)
        print(kept + 1)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE there")
async def test_a_ledger_refuses_writes_on_a_full_disk_until_there_is_room(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    async with await SqliteLedger.open(path) as ledger:
        kept = await ledger.load_pending_events(11, 10**6)
    assert len(kept) == int(done.stdout) > 100


async def test_a_ledger_locked_by_another_tool_reports_it_and_recovers(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await ledger._writer.run(lambda db: db.execute("PRAGMA busy_timeout = 0").fetchall())
    beside.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable):
        await ledger.record_events([event()], 10)
    assert await ledger.load_pending_events(10, 9) == []
    beside.execute("ROLLBACK")
    assert await ledger.record_events([event()], 10) == 1


@pytest.mark.parametrize("statement", ["UPDATE history SET why = ''", "DELETE FROM history"])
async def test_history_rows_can_be_neither_changed_nor_deleted(
    ledger: SqliteLedger, beside: sqlite3.Connection, statement: str
) -> None:
    await sync(ledger, subscription(binding=ANNA))
    (before,) = await ledger.load_history(GUILD, ANNA.member_id, 9)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        beside.execute(statement)
    assert await ledger.load_history(GUILD, ANNA.member_id, 9) == [before]


@pytest.mark.parametrize("statement", ["UPDATE outbox SET at = 1", "DELETE FROM outbox"])
async def test_outbox_rows_can_be_neither_changed_nor_deleted(
    ledger: SqliteLedger, beside: sqlite3.Connection, statement: str
) -> None:
    await sync(ledger, subscription(binding=ANNA))
    (before,) = await ledger.load_outbox(0, 9)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        beside.execute(statement)
    assert await ledger.load_outbox(0, 9) == [before]


async def test_a_number_can_replace_the_member_of_an_outbox_row(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await sync(ledger, subscription(binding=ANNA))
    beside.execute("UPDATE outbox SET member_id = -1")
    (event,) = await ledger.load_outbox(0, 9)
    assert event.member_id == -1


@pytest.mark.parametrize(
    "row",
    [
        ("subscription.dreamt", 1),
        ("notice.queued", 2),
        ("notice.queued", 1),
    ],
    ids=["a later type", "a later version", "a missing field"],
)
async def test_an_unreadable_event_does_not_hide_the_events_behind_it(
    ledger: SqliteLedger, beside: sqlite3.Connection, row: tuple[str, int]
) -> None:
    beside.execute("INSERT INTO outbox VALUES (NULL, 'a', ?, ?, 5, 7, 8, '{}')", row)
    await sync(ledger, subscription(binding=ANNA))
    unknown, known = await ledger.load_outbox(0, 9)
    assert isinstance(unknown.body, UnknownEvent)
    assert isinstance(known.body, SubscriptionStarted)


async def test_the_first_lift_of_a_decision_stays_recorded(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await ledger.record_overrides([override()], [], [], 10)
    for by, reason in ((1, "sorry"), (2, "again")):
        await ledger.record_lifted("dec_1", by, reason, 40 + by)
    lifted = beside.execute("SELECT lifted_at, lifted_by, lifted_reason FROM overrides").fetchall()
    assert lifted == [(41, 1, "sorry")]


async def test_a_backup_holds_the_whole_ledger_at_one_moment(ledger: SqliteLedger, tmp_path: Path) -> None:
    await sync(ledger, subscription(binding=ANNA))
    target = tmp_path / "backup.db"
    await asyncio.gather(
        ledger.backup(target), *(ledger.record_events([event(str(n))], 10) for n in range(20))
    )
    assert [p.name for p in tmp_path.glob("backup*")] == ["backup.db"]
    async with await SqliteLedger.open(target) as copy:
        assert await copy.load_subscription(KEY) == subscription(binding=ANNA)
        (change,) = await copy.load_history(GUILD, ANNA.member_id, 9)
        assert isinstance(change, Change)
        assert await copy.record_events([event("new")], 10) == 1


async def test_only_the_owner_can_read_a_backup_while_it_is_written(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def seen(part: Path, target: Path) -> None:
        modes.extend(stat.S_IMODE(p.stat().st_mode) for p in tmp_path.glob("*.part"))
        settle(part, target)

    monkeypatch.setattr("db.sqlite.copy.settle", seen)
    before = os.umask(0)
    try:
        await ledger.backup(tmp_path / "backup.db")
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600


async def test_a_backup_replaces_no_file_and_says_why_it_cannot_be_written(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    with pytest.raises(Conflict):
        await ledger.backup(target)
    assert target.read_text() == "precious"
    with pytest.raises(LedgerUnavailable):
        await ledger.backup(tmp_path / "no" / "such" / "folder")


async def test_old_finished_events_are_deleted_and_open_ones_never(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await ledger.record_events([event("open"), event("done", subject=None)], 10)
    at = 10 + 90 * 86_400

    def known() -> set[str]:
        return {row[0] for row in beside.execute("SELECT event_id FROM inbox")}

    await ledger.record_due(at)
    assert known() == {"open", "done"}
    await ledger.record_due(at + 1)
    assert known() == {"open"}


async def test_the_body_of_a_notification_is_not_stored(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await ledger.record_events([event()], 10)
    columns = {row[1] for row in beside.execute("PRAGMA table_info(inbox)")}
    assert not {c for c in columns if "body" in c or "payload" in c or "data" in c}
    with closing(beside.execute("SELECT * FROM inbox")) as rows:
        assert len(rows.fetchall()) == 1
