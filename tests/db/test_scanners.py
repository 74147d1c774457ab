"""A large server is scanned on a connection of its own, beside the reader."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.errors import LedgerError
from billing.model import Binding
from db import SqliteLedger
from db.queries.reconcile_queue import record_granting
from db.sqlite import drifted_members, role_drift
from db.sqlite.group_commit import GroupCommitConnection
from tests.contract.ledger.nouns import GUILD, plan

# Ids that lie close together at first and far apart then, as in an old server.
MEMBERS = [*range(1, 300), *range(1_000, 3_001, 40)]
# Was granted a role, and has no row in `members`.
UNSEEN = 2**62
DRIFTED = [*MEMBERS[::3], UNSEEN]


@pytest.fixture
async def large(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> SqliteLedger:
    """Each third member was granted a role for which nobody pays."""

    def fill(db: sqlite3.Connection) -> None:
        rows = [(GUILD, member) for member in MEMBERS]
        db.executemany("INSERT INTO members (guild_id, member_id, version) VALUES (?, ?, 1)", rows)
        for member in DRIFTED:
            record_granting(db, GUILD, member, 71, 0)

    await ledger._writer.run(fill)
    monkeypatch.setattr(role_drift, "SLICE", 10)
    return ledger


async def drifted(large: SqliteLedger) -> list[int]:
    found = await large.load_drifted_members(Binding(GUILD, 0), 20, 0, 999)
    assert {member.guild_id for member in found} == {GUILD}
    return [member.member_id for member in found]


def noting(monkeypatch: pytest.MonkeyPatch, name: str, note: Callable[[sqlite3.Connection], object]) -> None:
    work = getattr(role_drift, name)

    def noted(db: sqlite3.Connection, *args: object, **kwargs: object) -> object:
        note(db)
        return work(db, *args, **kwargs)

    monkeypatch.setattr(role_drift, name, noted)


async def test_a_large_server_is_scanned_outside_of_the_reader(
    large: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set[int]()
    noting(monkeypatch, "load_slice", lambda db: threads.add(threading.get_ident()))
    assert await drifted(large) == DRIFTED
    (scanner,) = threads
    assert scanner != await large._reader.run(lambda db: threading.get_ident())


async def test_other_loads_do_not_wait_for_the_scan_of_a_large_server(
    large: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    noting(monkeypatch, "load_slice", lambda db: held.wait(10))
    scanning = asyncio.ensure_future(drifted(large))
    await large.load_plans(GUILD)
    await large.load_plans(GUILD)
    assert not scanning.done()
    held.set()
    assert await scanning == DRIFTED


@pytest.mark.parametrize("after", [0, DRIFTED[5], DRIFTED[-2], UNSEEN])
@pytest.mark.parametrize("limit", [1, 7, 999])
async def test_a_large_server_is_scanned_in_parts(large: SqliteLedger, after: int, limit: int) -> None:
    found = await large.load_drifted_members(Binding(GUILD, after), 20, 0, limit)
    assert [member.member_id for member in found] == [one for one in DRIFTED if one > after][:limit]


async def test_small_and_large_servers_are_listed_in_order(
    large: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifted_members, "TOGETHER", 20)
    small = [guild_id for guild_id in range(GUILD - 6, GUILD + 7) if guild_id != GUILD]
    for guild_id in (*small, GUILD):
        await large.record_plan(plan(guild_id=guild_id), "1", 10)

    def fill(db: sqlite3.Connection) -> None:
        rows = [(guild_id, member) for guild_id in small for member in range(1, 7)]
        db.executemany("INSERT INTO members (guild_id, member_id, version) VALUES (?, ?, 1)", rows)
        for guild_id, member in rows[::2]:
            record_granting(db, guild_id, member, 73, 0)

    await large._writer.run(fill)
    wanted = sorted([(guild_id, m) for guild_id in small for m in (1, 3, 5)] + [(GUILD, m) for m in DRIFTED])
    found = await large.load_drifted_members(Binding(0, 0), 20, 0, 999)
    assert [(one.guild_id, one.member_id) for one in found] == wanted
    parts: list[Binding] = []
    while part := await large.load_drifted_members(parts[-1] if parts else Binding(0, 0), 20, 0, 50):
        parts += part
    assert parts == found


async def test_a_server_of_one_slice_is_scanned_by_the_reader(
    large: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role_drift, "SLICE", len(MEMBERS))
    monkeypatch.setattr(GroupCommitConnection, "open", None)
    assert await drifted(large) == DRIFTED


async def test_a_scan_that_fails_raises_a_ledger_error_and_leaves_no_thread(
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
        await drifted(large)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), "the scanner's thread was left over"
