"""Queries for single values that are stored by name, such as the time of a restore."""

from __future__ import annotations

import sqlite3

COPIED = "copied"  # when a bot first started with a restored backup
BACKUP_FAILED = "backup failed"  # why the last daily backup failed


def load_value(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM named_values WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def record_value(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO named_values (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        (name, value),
    )


COUNT = "count"  # name of the write count in the ledger


OLDER = "older"  # why the ledger is outdated, until the bot has acted on it


MADE = "made"  # when a new ledger was created; NOT_TOLD until the bot, which has a clock, fills it in


NOT_TOLD = "0"
