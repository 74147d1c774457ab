"""Killed before every statement, and before every call by which SQLite changes a file: each step is there
whole or not at all, and whatever was acknowledged is there (promises 2 and 5)."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from db import SqliteLedger
from db.sqlite.schema import load_migrations, prepare, version_of
from tests.crashes import workbench

ROOT = Path(__file__).parents[2]
MIGRATIONS = load_migrations()
HOWS = ["statement", "call"]


class Workbench:
    """The process of workbench.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", workbench.__name__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, job: str, path: Path, **dies_at: int) -> dict[str, Any]:
        """Have it done, or begun."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"job": job, "path": str(path), **dies_at}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def killed(self, job: str, path: Path, **dies_at: int) -> int:
        """Have it die; how many steps it acknowledged before."""
        done = self.order(job, path, **dies_at)
        assert done["status"] == signal.SIGKILL
        return int(done["acknowledged"])

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def bench() -> Iterator[Workbench]:
    made = Workbench()
    yield made
    made.close()


def dump(path: Path) -> list[tuple[Any, ...]]:
    """Return a ledger's schema and rows, without the count of its writes and the outbox's random ids."""
    with closing(sqlite3.connect(path)) as db:
        schema = db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
        tables = [name for kind, name, _ in schema if kind == "table"]
        rows = [(name, *row) for name in tables for row in db.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 - names that the schema has
        rows = [(*row[:2], *row[3:]) if row[0] == "outbox" else row for row in rows]
        return schema + [row for row in rows if row[:2] != ("named_values", "count")]


def put_back(template: Path | None, path: Path) -> None:
    """The same file as before and its count, or none."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    if template is not None:
        shutil.copy(template, path)
        shutil.copy(f"{template}.count", f"{path}.count")


async def open_once(path: Path) -> None:
    """A start after the death: it must need nobody's help."""
    async with await SqliteLedger.open(path):
        pass


async def states(path: Path) -> list[list[tuple[Any, ...]]]:
    """The ledger before the first step, and after each."""
    found = [dump(path)]
    async with await SqliteLedger.open(path) as ledger:
        for step in workbench.steps(ledger):
            await step()
            found.append(dump(path))
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", HOWS)
async def test_a_kill_within_any_ledger_step_leaves_all_or_nothing_of_it(
    folder: Path, bench: Workbench, how: str
) -> None:
    template, path = folder / "template.ledger.db", folder / "one" / "ledger.db"
    path.parent.mkdir()
    await open_once(template)
    put_back(template, path)
    whole = await states(path)
    put_back(template, path)
    points = int(bench.order("use", path)[f"{how}s"])
    assert points > 2 * len(whole)
    for point in range(1, points + 1):
        put_back(template, path)
        acknowledged = bench.killed("use", path, **{how: point})
        await open_once(path)
        assert dump(path) in whole[acknowledged : acknowledged + 2], f"killed before {how} {point}"
    print(f"use: killed before each of {points} {how}s")  # pytest -rP shows it


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", HOWS)
async def test_a_kill_within_any_migration_leaves_all_or_nothing_of_it(
    folder: Path, bench: Workbench, how: str
) -> None:
    path = folder / "one" / "ledger.db"
    path.parent.mkdir()
    whole = []
    for version in range(len(MIGRATIONS) + 1):
        with closing(sqlite3.connect(folder / f"{version}.db", isolation_level=None)) as db:
            prepare(db, MIGRATIONS[:version])
        whole.append(dump(folder / f"{version}.db"))
    points = int(bench.order("make", path)[f"{how}s"])
    made = dump(path)
    assert points > 5
    for point in range(1, points + 1):
        put_back(None, path)
        bench.killed("make", path, **{how: point})
        with closing(sqlite3.connect(path)) as db:
            version = version_of(db)
        assert dump(path) in (whole[version], made), f"killed before {how} {point}"
        await open_once(path)
        assert dump(path) == made, f"started after being killed before {how} {point}"
    print(f"migrations: killed before each of {points} {how}s")
