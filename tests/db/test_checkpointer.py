"""Checkpoints run outside of the commits, after which the write-ahead log restarts."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import SqliteLedger
from db.sqlite import checkpointer
from tests.contract.ledger.nouns import event

MANY = 40


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointer, "MANY", MANY)


async def store(ledger: SqliteLedger, first: int, count: int) -> None:
    """Store events, one per commit."""
    for number in range(first, first + count):
        assert await ledger.record_events([event(f"evt_{number}")], 10) == 1


def until_the_next(ledger: SqliteLedger) -> int:
    """The number of events until the next checkpoint; opening the ledger has also written some."""
    return int(ledger._copier._next - ledger._writer.done)


async def copied(ledger: SqliteLedger) -> None:
    task = ledger._copier._copying
    assert task is not None
    await task


def in_the_file(path: Path) -> int:
    """The number of events in the file itself; with `immutable` SQLite ignores the log. Before the first
    checkpoint the file does not even contain the tables."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
            return 0
        return int(db.execute("SELECT count(*) FROM inbox").fetchone()[0])


def times_begun(path: Path) -> int:
    """How often the log restarted, from the number in its header (sqlite.org/fileformat2.html, 4.1)."""
    header = path.with_name(f"{path.name}-wal").read_bytes()[:16]
    return int.from_bytes(header[12:], "big")


async def test_a_checkpoint_runs_once_enough_was_written(ledger: SqliteLedger, path: Path) -> None:
    events = until_the_next(ledger)
    await store(ledger, 0, events - 1)
    assert ledger._copier._copying is None
    assert in_the_file(path) == 0
    await store(ledger, events - 1, 1)
    await copied(ledger)
    assert in_the_file(path) == events


async def test_the_write_ahead_log_restarts_even_under_constant_writing(
    ledger: SqliteLedger, path: Path
) -> None:
    """Without a restart the log would grow as long as the history."""
    for first in range(0, 15 * MANY, 5 * MANY):
        before = times_begun(path)
        await store(ledger, first, 3 * MANY)
        await copied(ledger)
        # the next write after a complete checkpoint restarts the log, if no other write did
        await store(ledger, first + 3 * MANY, 1)
        assert times_begun(path) > before


async def test_commits_during_a_checkpoint_are_checkpointed_by_the_writer(
    ledger: SqliteLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between, reached, held = ledger._writer.between, asyncio.Event(), asyncio.Event()

    async def later(statement: str) -> None:
        reached.set()
        await held.wait()
        await between(statement)

    monkeypatch.setattr(ledger._writer, "between", later)
    events = until_the_next(ledger)
    await store(ledger, 0, events)
    async with asyncio.timeout(20):
        await reached.wait()
    before = in_the_file(path)
    await store(ledger, events, 7)
    since = in_the_file(path)
    held.set()
    await copied(ledger)
    assert (before, since, in_the_file(path)) == (events, events, events + 7)


async def test_a_failed_checkpoint_stops_no_commit(
    ledger: SqliteLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger._copier, "_path", path.with_name("gone.db"))
    events = until_the_next(ledger)
    await store(ledger, 0, events)
    await copied(ledger)
    assert in_the_file(path) == 0
    monkeypatch.setattr(ledger._copier, "_path", path)
    await store(ledger, events, MANY)
    await copied(ledger)
    assert in_the_file(path) == events + MANY


async def test_closing_waits_for_a_running_checkpoint_and_starts_no_other(path: Path) -> None:
    ledger = await SqliteLedger.open(path)
    await store(ledger, 0, MANY - 1)
    last = [ledger.record_events([event(f"last_{number}")], 10) for number in range(3 * MANY)]
    waiting = asyncio.gather(*last)
    await asyncio.sleep(0)
    await ledger.close()
    assert await waiting == [1] * (3 * MANY)
    await asyncio.sleep(0)
    assert "copier" not in {task.get_name() for task in asyncio.all_tasks()}
    assert in_the_file(path) == 4 * MANY - 1
