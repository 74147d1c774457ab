"""Inspecting a ledger changes neither it nor its side files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerDamaged, LedgerError, LedgerHeld, LedgerTooNew, LedgerUnavailable
from billing.model import Plan
from db import SqliteLedger
from db.sqlite.inspection import looking
from db.sqlite.schema import load_migrations, prepare
from tests.contract.ledger.nouns import GUILD, plan

NAME = "ledger.db"


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


async def look(path: Path) -> list[Plan]:
    """The plans of an inspected ledger; asserts that no file was created, changed or touched."""
    before = state(path.parent)
    try:
        async with looking(path) as ledger:
            assert ledger.schema == ledger.newest
            return await ledger.load_plans(GUILD)
    finally:
        assert state(path.parent) == before


async def test_a_closed_ledger_can_be_inspected(tmp_path: Path) -> None:
    async with await SqliteLedger.open(tmp_path / NAME) as ledger:
        await ledger.record_plan(plan(), "1", 10)
    assert len(await look(tmp_path / NAME)) == 1


@pytest.mark.parametrize("lost", [(), ("-shm",), (".lock",), ("-shm", ".lock")])
async def test_the_ledger_of_a_killed_bot_can_be_inspected(tmp_path: Path, lost: tuple[str, ...]) -> None:
    left = tmp_path / "left"
    left.mkdir()
    async with await SqliteLedger.open(tmp_path / NAME) as ledger:
        await ledger.record_plan(plan(), "1", 10)
        for path in tmp_path.glob(f"{NAME}*"):
            shutil.copyfile(path, left / path.name)
    assert (left / f"{NAME}-wal").stat().st_size > 0
    for ending in lost:
        (left / f"{NAME}{ending}").unlink()
    assert len(await look(left / NAME)) == 1


async def test_inspecting_an_older_ledger_does_not_migrate_it(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as db:
        prepare(db, load_migrations()[:6])
    before = state(tmp_path)
    async with looking(tmp_path / NAME) as ledger:
        assert ledger.schema == 6
        assert ledger.newest == len(load_migrations())
    assert state(tmp_path) == before


@pytest.mark.parametrize(("kind", "fault"), [("damaged", LedgerDamaged), ("newer", LedgerTooNew)])
async def test_inspecting_an_unreadable_ledger_raises(
    tmp_path: Path, kind: str, fault: type[LedgerError]
) -> None:
    path = tmp_path / NAME
    if kind == "damaged":
        path.write_bytes(b"this is no ledger at all" * 1000)
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 9999")
    with pytest.raises(fault):
        await look(path)


async def test_the_ledger_of_a_running_bot_can_be_inspected(tmp_path: Path) -> None:
    async with await SqliteLedger.open(tmp_path / NAME):
        with pytest.raises(LedgerHeld):
            await look(tmp_path / NAME)


async def test_an_inspected_ledger_cannot_be_written(tmp_path: Path) -> None:
    async with await SqliteLedger.open(tmp_path / NAME):
        pass
    async with looking(tmp_path / NAME) as ledger:
        with pytest.raises(LedgerUnavailable):
            await ledger.record_plan(plan(), "1", 10)
