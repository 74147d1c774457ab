"""How much waits, and small facts kept by name."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from billing.ports import Health

# Each is counted over an index that holds nothing but what waits.
_WAITING = """
    SELECT (SELECT min(received_at) FROM inbox WHERE done_at IS NULL),
        (SELECT min(marked_at) FROM members WHERE next_try_at IS NOT NULL),
        (SELECT count(*) FROM inbox WHERE done_at IS NULL),
        (SELECT count(*) FROM members WHERE next_try_at IS NOT NULL),
        (SELECT count(*) FROM intents WHERE state = 'pending'),
        (SELECT count(*) FROM notices WHERE next_try_at IS NOT NULL),
        (SELECT count(*) FROM members WHERE braked_at IS NOT NULL),
        (SELECT count(*) FROM unasked WHERE row > 0)
"""
BACKUP_FAILED = "backup failed"  # why the last daily one did, by name


def load_health(db: sqlite3.Connection, at: int) -> Health:
    event, member, *counts = db.execute(_WAITING).fetchone()
    health = Health(age_of(event, at), age_of(member, at), *counts)
    return replace(health, backup_failed=load_value(db, BACKUP_FAILED) or "")


def age_of(since: int | None, at: int) -> float | None:
    return None if since is None else float(max(at - since, 0))


def load_value(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM named_values WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def record_value(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO named_values (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        (name, value),
    )
