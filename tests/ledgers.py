"""New ledgers of tests that are not about the making of one: migrated once, then copied."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache

import pytest

from db.sqlite import schema

_prepare = schema.prepare


@cache
def _migrated(scripts: tuple[str, ...]) -> sqlite3.Connection:
    """A ledger in memory to which these migrations led, with nothing in it."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _prepare(db, scripts)
    return db


def _prepare_by_copy(db: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """As `db.sqlite.schema.prepare` does; the schema of an empty file comes from a ledger made before."""
    if db.execute("PRAGMA page_count").fetchone()[0] == 0:
        _migrated(tuple(migrations)).backup(db)
    _prepare(db, migrations)


def copy_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a ledger that is opened without a file be a copy of an empty one: its migrations take
    twenty milliseconds."""
    monkeypatch.setattr(schema, "prepare", _prepare_by_copy)
