"""Queries for the language in which each person last used Discord."""

from __future__ import annotations

import sqlite3


def load_locale(db: sqlite3.Connection, user_id: int) -> str | None:
    row = db.execute("SELECT locale FROM locales WHERE user_id = ?", (user_id,)).fetchone()
    return row[0] if row else None


def record_locale(db: sqlite3.Connection, user_id: int, locale: str) -> None:
    db.execute(
        "INSERT INTO locales (user_id, locale) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET locale = excluded.locale",
        (user_id, locale),
    )
