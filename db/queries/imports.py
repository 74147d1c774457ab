"""Queries for imports of subscriptions from before Dues."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

from billing.model import SubscriptionKey
from billing.model.imports import Import, ImportRow, RowState
from db.queries.rows import key_row

_IMPORT = "SELECT id, guild_id, made_by, made_at, applied_at FROM imports"


def record_import(db: sqlite3.Connection, guild_id: int, by: int, rows: Sequence[ImportRow], at: int) -> int:
    old = "SELECT id FROM imports WHERE guild_id = ? AND applied_at IS NULL"
    db.execute(f"DELETE FROM import_rows WHERE import_id IN ({old})", (guild_id,))
    db.execute("DELETE FROM imports WHERE guild_id = ? AND applied_at IS NULL", (guild_id,))
    made = db.execute(
        "INSERT INTO imports (guild_id, made_by, made_at) VALUES (?, ?, ?) RETURNING id", (guild_id, by, at)
    ).fetchone()[0]
    db.executemany(
        "INSERT INTO import_rows (import_id, line, guild_id, member_id, provider, account, subscription_id,"
        " state, had) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(made, r.line, guild_id, r.member_id, *key_row(r.key), r.state, r.had) for r in rows],
    )
    return int(made)


def load_import(db: sqlite3.Connection, import_id: int) -> Import | None:
    return _import(db, db.execute(f"{_IMPORT} WHERE id = ?", (import_id,)).fetchone())


def load_last_import(db: sqlite3.Connection, guild_id: int) -> Import | None:
    last = f"{_IMPORT} WHERE guild_id = ? AND applied_at IS NOT NULL ORDER BY id DESC LIMIT 1"
    return _import(db, db.execute(last, (guild_id,)).fetchone())


def _import(db: sqlite3.Connection, row: tuple[int, int, int, int, int | None] | None) -> Import | None:
    if row is None:
        return None
    counted = "SELECT state, count(*) FROM import_rows WHERE import_id = ? GROUP BY state"
    return Import(*row, {RowState(state): many for state, many in db.execute(counted, row[:1])})


def load_import_rows(
    db: sqlite3.Connection, import_id: int, states: Collection[RowState], after: int, limit: int
) -> list[ImportRow]:
    rows = db.execute(
        "SELECT line, member_id, provider, account, subscription_id, state, had FROM import_rows"
        " WHERE import_id = ? AND line > ? AND state IN (SELECT value FROM json_each(?))"
        " ORDER BY line LIMIT ?",
        (import_id, after, json.dumps(list(states)), limit),
    )
    return [ImportRow(r[0], r[1], SubscriptionKey(*r[2:5]), RowState(r[5]), r[6]) for r in rows]


def record_import_applied(db: sqlite3.Connection, import_id: int, at: int) -> None:
    db.execute("UPDATE imports SET applied_at = ? WHERE id = ? AND applied_at IS NULL", (at, import_id))


def record_import_row(db: sqlite3.Connection, import_id: int, row: ImportRow, at: int) -> None:
    undone_at = at if row.state is RowState.UNDOING else None
    db.execute(
        "UPDATE import_rows SET state = ?, had = ?, undone_at = ifnull(undone_at, ?)"
        " WHERE import_id = ? AND line = ?",
        (row.state, row.had, undone_at, import_id, row.line),
    )


def is_undone(db: sqlite3.Connection, guild_id: int, member_id: int, after: int) -> bool:
    """Return True if an admin has undone an import of this member's subscription since that moment."""
    found = db.execute(
        "SELECT 1 FROM import_rows WHERE guild_id = ? AND member_id = ? AND undone_at > ? LIMIT 1",
        (guild_id, member_id, after),
    )
    return found.fetchone() is not None
