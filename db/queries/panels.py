"""Queries for panels: public messages that show the plans of a server."""

from __future__ import annotations

import sqlite3

from billing.model import Price
from billing.model.panels import Panel

_PANEL = "SELECT guild_id, channel_id, message_id, version, attempts FROM panels"
_SAME = "guild_id = ? AND message_id = ?"


def record_panel(db: sqlite3.Connection, guild_id: int, channel_id: int, message_id: int, at: int) -> None:
    db.execute(
        "INSERT INTO panels (guild_id, channel_id, message_id, next_try_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (guild_id) DO UPDATE SET channel_id = excluded.channel_id,"
        " message_id = excluded.message_id, version = version + 1, attempts = 0,"
        " next_try_at = excluded.next_try_at",
        (guild_id, channel_id, message_id, at),
    )


def load_panel(db: sqlite3.Connection, guild_id: int) -> Panel | None:
    row = db.execute(f"{_PANEL} WHERE guild_id = ?", (guild_id,)).fetchone()
    return Panel(*row) if row else None


def load_outdated_panels(db: sqlite3.Connection, at: int, limit: int) -> list[Panel]:
    rows = db.execute(
        f"{_PANEL} WHERE shown < version AND next_try_at <= ? ORDER BY next_try_at LIMIT ?", (at, limit)
    )
    return [Panel(*row) for row in rows]


def record_panel_shown(db: sqlite3.Connection, panel: Panel) -> None:
    db.execute(
        f"UPDATE panels SET shown = max(shown, ?), attempts = 0 WHERE {_SAME}",
        (panel.version, panel.guild_id, panel.message_id),
    )


def record_panel_failed(db: sqlite3.Connection, panel: Panel, next_try_at: int) -> None:
    db.execute(
        f"UPDATE panels SET attempts = attempts + 1, next_try_at = ? WHERE {_SAME}",
        (next_try_at, panel.guild_id, panel.message_id),
    )


def record_panel_removed(db: sqlite3.Connection, panel: Panel) -> None:
    db.execute(f"DELETE FROM panels WHERE {_SAME}", (panel.guild_id, panel.message_id))


def outdate_panel(db: sqlite3.Connection, guild_id: int, at: int) -> None:
    """Queue the server's panel, if it has one, to be edited because its plans have changed."""
    db.execute(
        "UPDATE panels SET version = version + 1, attempts = 0, next_try_at = min(next_try_at, ?)"
        " WHERE guild_id = ?",
        (at, guild_id),
    )


def outdate_panels_of(db: sqlite3.Connection, price: Price) -> None:
    """Queue the panels of all servers that sell this price to be edited because the price has changed."""
    db.execute(
        "UPDATE panels SET version = version + 1, attempts = 0, next_try_at = 0 WHERE guild_id IN ("
        "SELECT guild_id FROM plan_prices WHERE provider = ? AND account = ? AND price_id = ?)",
        price.key,
    )
