"""Queries for the brake, which pauses mass removals of roles until an admin decides."""

from __future__ import annotations

import sqlite3

from billing.model import Binding, Change
from billing.rules.brake import ASKS_AGAIN, FEWEST, RELEASED, WINDOW, Brake, allowed
from db.queries.imports import is_undone
from db.queries.reconcile_queue import record_queued_members
from db.queries.rows import add_changes

_THE_ONE = "guild_id = ? AND member_id = ?"

_TAKEN = "SELECT count(*) FROM members WHERE guild_id = :guild AND taken_at > :after"

# A member who has just lost roles held some when the window began.
_HOLDERS = """
    SELECT (SELECT count(DISTINCT member_id) FROM role_grants WHERE guild_id = :guild)
        + (SELECT count(*) FROM members AS m WHERE guild_id = :guild AND taken_at > :after
            AND NOT EXISTS (SELECT 1 FROM role_grants WHERE guild_id = :guild AND member_id = m.member_id))
"""


def record_taking(db: sqlite3.Connection, guild_id: int, member_id: int, at: int) -> int | None:
    if _is_released(db, guild_id, at) or _is_counted(db, guild_id, member_id, at):
        return None
    if is_undone(db, guild_id, member_id, at - RELEASED):  # an admin decided that
        return None
    window = {"guild": guild_id, "after": at - WINDOW}
    is_on = _is_on(db, guild_id)
    if not is_on:
        taken = db.execute(_TAKEN, window).fetchone()[0]
        holders = 0 if taken < FEWEST else db.execute(_HOLDERS, window).fetchone()[0]
        if taken < allowed(holders):
            db.execute(f"UPDATE members SET taken_at = ? WHERE {_THE_ONE}", (at, guild_id, member_id))
            return None
        _begin(db, guild_id, at, taken, holders)
    db.execute(
        f"UPDATE members SET braked_at = ifnull(braked_at, ?) WHERE {_THE_ONE}", (at, guild_id, member_id)
    )
    return _question(db, guild_id, at)


def _is_released(db: sqlite3.Connection, guild_id: int, at: int) -> bool:
    row = db.execute("SELECT 1 FROM brakes WHERE guild_id = ? AND released_until > ?", (guild_id, at))
    return row.fetchone() is not None


def _is_counted(db: sqlite3.Connection, guild_id: int, member_id: int, at: int) -> bool:
    """Return True if the member already counts towards the brake's window.

    Removing a second role, or trying again, is still the same removal.
    """
    row = db.execute(
        f"SELECT 1 FROM members WHERE {_THE_ONE} AND taken_at > ?", (guild_id, member_id, at - WINDOW)
    )
    return row.fetchone() is not None


def _is_on(db: sqlite3.Connection, guild_id: int) -> bool:
    row = db.execute(
        "SELECT 1 FROM members WHERE guild_id = ? AND braked_at IS NOT NULL LIMIT 1", (guild_id,)
    )
    return row.fetchone() is not None


def _begin(db: sqlite3.Connection, guild_id: int, at: int, taken: int, holders: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO brakes (guild_id, since, asked_at, asks_again_at, taken, holders)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (guild_id, at, at, at + ASKS_AGAIN, taken, holders),
    )
    said = f"{taken} of {holders} members within {WINDOW} s"
    add_changes(db, [Change(at, guild_id, None, "brake", "converge", said, "roles", "off", "on")])


def _question(db: sqlite3.Connection, guild_id: int, at: int) -> int:
    """Return the current question to the admins as the time it was asked, in unix seconds.

    If the admins are due to be asked again, start a new question first.
    """
    db.execute(
        "UPDATE brakes SET asked_at = ?, asks_again_at = ? WHERE guild_id = ? AND asks_again_at <= ?",
        (at, at + ASKS_AGAIN, guild_id, at),
    )
    return int(db.execute("SELECT asked_at FROM brakes WHERE guild_id = ?", (guild_id,)).fetchone()[0])


def load_brake(db: sqlite3.Connection, guild_id: int) -> Brake | None:
    row = db.execute(
        "SELECT guild_id, since, asked_at, asks_again_at, taken, holders, (SELECT count(*) FROM members"
        " WHERE guild_id = ? AND braked_at IS NOT NULL) FROM brakes WHERE guild_id = ?",
        (guild_id, guild_id),
    ).fetchone()
    return Brake(*row) if row and row[-1] else None


def record_released(db: sqlite3.Connection, guild_id: int, asked_at: int, by: int, at: int) -> int:
    brake = load_brake(db, guild_id)
    if brake is None or brake.asked_at != asked_at:
        return 0
    rows = db.execute(
        "SELECT member_id FROM members WHERE guild_id = ? AND braked_at IS NOT NULL", (guild_id,)
    ).fetchall()
    db.execute("UPDATE brakes SET released_until = ? WHERE guild_id = ?", (at + RELEASED, guild_id))
    db.execute(
        "UPDATE members SET braked_at = NULL WHERE guild_id = ? AND braked_at IS NOT NULL", (guild_id,)
    )
    record_queued_members(db, [Binding(guild_id, row[0]) for row in rows], "brake released", at)
    _note(db, brake, by, at, f"off until={at + RELEASED}")
    return brake.braked


def record_kept(db: sqlite3.Connection, guild_id: int, asked_at: int, by: int, at: int) -> int | None:
    brake = load_brake(db, guild_id)
    if brake is None or brake.asked_at != asked_at:
        return None
    db.execute("UPDATE brakes SET asks_again_at = ? WHERE guild_id = ?", (at + ASKS_AGAIN, guild_id))
    _note(db, brake, by, at, "on")
    return at + ASKS_AGAIN


def _note(db: sqlite3.Connection, brake: Brake, by: int, at: int, after: str) -> None:
    why = f"decided by an admin, {brake.braked} members waiting"
    question = f"brake {brake.asked_at}"
    add_changes(db, [Change(at, brake.guild_id, None, "brake", str(by), why, question, "on", after)])
