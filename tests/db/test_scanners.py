"""A large server is walked by two threads beside the reader."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.errors import LedgerError
from db import SqliteLedger
from db.queries.reconcile_queue import record_granting
from db.sqlite import role_drift
from db.sqlite.group_commit import GroupCommitConnection
from tests.contract.ledger.nouns import GUILD

# Close together at first and far apart then, as members of an old server are.
MEMBERS = [*range(1, 300), *range(1_000, 3_001, 40)]
# With a role, but none of those that were ever looked at.
UNSEEN = 2**62
ASTRAY = [*MEMBERS[::3], UNSEEN]


@pytest.fixture
async def large(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> SqliteLedger:
    """Each third member was granted a role for which nobody pays."""

    def fill(db: sqlite3.Connection) -> None:
        rows = [(GUILD, member) for member in MEMBERS]
        db.executemany("INSERT INTO members (guild_id, member_id, version) VALUES (?, ?, 1)", rows)
        for member in ASTRAY:
            record_granting(db, GUILD, member, 71, 0)

    await ledger._write(fill)
    monkeypatch.setattr(role_drift, "SLICE", 10)
    return ledger


def noting(monkeypatch: pytest.MonkeyPatch, name: str, note: Callable[[sqlite3.Connection], object]) -> None:
    work = getattr(role_drift, name)

    def noted(db: sqlite3.Connection, *args: object, **kwargs: object) -> object:
        note(db)
        return work(db, *args, **kwargs)

    monkeypatch.setattr(role_drift, name, noted)


async def test_everybody_is_found_once_whoever_walks_there(
    large: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    met, walkers = threading.Barrier(role_drift.SCANNERS), set[int]()
    noting(monkeypatch, "load_slice", lambda db: walkers.add(threading.get_ident()))
    # Each begins only once all have: without the others this would wait in vain.
    begin = role_drift.DriftScan.begin
    monkeypatch.setattr(
        role_drift.DriftScan, "begin", lambda *args, **kwargs: (met.wait(10), begin(*args, **kwargs))[1]
    )
    assert sorted(await large.load_drifted_members(GUILD, 20, 0)) == ASTRAY
    assert len(walkers) == role_drift.SCANNERS


async def test_other_loads_do_not_wait_for_it(large: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    noting(monkeypatch, "load_slice", lambda db: held.wait(10))
    walking = asyncio.ensure_future(large.load_drifted_members(GUILD, 20, 0))
    await large.load_plans(GUILD)
    await large.load_plans(GUILD)
    assert not walking.done()
    held.set()
    assert sorted(await walking) == ASTRAY


async def test_a_small_server_is_walked_by_the_reader(
    large: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role_drift, "SLICE", len(MEMBERS))
    monkeypatch.setattr(GroupCommitConnection, "open", None)
    assert sorted(await large.load_drifted_members(GUILD, 20, 0)) == ASTRAY


async def test_where_one_cannot_read_on_the_ledger_says_so(
    large: SqliteLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    seen: list[int] = []

    def fail(db: sqlite3.Connection) -> None:
        seen.append(1)
        if len(seen) >= 5:
            raise sqlite3.DatabaseError("database disk image is malformed")

    noting(monkeypatch, "load_slice", fail)
    with pytest.raises(LedgerError):
        await large.load_drifted_members(GUILD, 20, 0)
    for walker in set(threading.enumerate()) - before:
        walker.join(5)
        assert not walker.is_alive(), "a walker's thread was left over"
