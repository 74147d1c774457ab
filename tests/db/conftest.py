"""A ledger file, and a second connection to it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from db import SqliteLedger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the ledger, whether or not it exists yet."""
    return tmp_path / "ledger.db"


@pytest.fixture
def empty(path: Path) -> Path:
    """The path of a ledger file of zero bytes."""
    path.touch()
    return path


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(path) as opened:
        yield opened


@pytest.fixture
def beside(ledger: SqliteLedger, path: Path) -> Iterator[sqlite3.Connection]:
    """Another connection to the ledger's file, such as an owner's."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as db:
        yield db
