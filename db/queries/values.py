"""Small facts kept by name."""

from __future__ import annotations

import sqlite3

COPIED = "copied"  # when a bot began with a ledger that was put back from a copy
BACKUP_FAILED = "backup failed"  # why the last daily one did


def load_value(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM named_values WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def record_value(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO named_values (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        (name, value),
    )


COUNT = "count"  # in the ledger, by name


OLDER = "older"  # why, until that was taken up


MADE = "made"  # when a new ledger was made; NOT_TOLD until somebody with a clock says so


NOT_TOLD = "0"
