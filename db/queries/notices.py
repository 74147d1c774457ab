"""Queries for notices, each of which is sent once."""

from __future__ import annotations

import sqlite3
from operator import attrgetter
from typing import Any

import msgspec

from billing.model import (
    BODIES,
    BackupFailed,
    Change,
    IntentKind,
    IntentState,
    Notice,
    NoticeBody,
    Refunded,
    RoleNews,
    Unknown,
)
from billing.model.outbox import KnownEvent, NoticeQueued, PaymentRefunded
from db.queries.intents import load_intents_of
from db.queries.outbox import add_events
from db.queries.rows import CHANGE, NOTICE, Row, change, marks, to_json
from db.queries.saved_values import BACKUP_FAILED, load_value, record_value

# Seconds for which a notice waits until its member's roles are set, so that one message reports both.
WAITS_FOR_ROLES = 120

_INSERT = f"INSERT INTO notices ({NOTICE}, next_try_at) VALUES ({marks(NOTICE)}, ?)"
_ADD_ROLES = "UPDATE SET facts = excluded.facts WHERE told_at IS NULL AND next_try_at IS NOT NULL"


def record_notice(db: sqlite3.Connection, what: Notice) -> bool:
    with_roles = isinstance(what.body, RoleNews) and bool(what.body.given or what.body.taken)
    known = with_roles and load_notice(db, what.key) is not None
    added = db.execute(
        f"{_INSERT} ON CONFLICT (key) DO {_ADD_ROLES if with_roles else 'NOTHING'}",
        (
            what.key,
            what.guild_id,
            what.member_id,
            what.body.kind,
            to_json(what.body),
            *(what.created_at,) * 2,
        ),
    )
    if added.rowcount == 1 and not known:
        _add_event(db, what)
    return added.rowcount == 1


def _add_event(db: sqlite3.Connection, what: Notice) -> None:
    bodies: list[KnownEvent] = [NoticeQueued(kind=what.body.kind, key=what.key)]
    if isinstance(what.body, Refunded) and not _is_own_refund(db, what.body):
        # The notice is the only record of a refund made in the dashboard.
        key, payment, amount = what.body.subscription, what.body.payment, what.body.amount
        bodies.append(PaymentRefunded(subscription=key, payment=payment, amount=amount))
    add_events(db, what.created_at, what.guild_id, what.member_id, bodies)


def _is_own_refund(db: sqlite3.Connection, body: Refunded) -> bool:
    done = (i for i in load_intents_of(db, body.subscription) if i.state is IntentState.DONE)
    return any(i.payment_id == body.payment for i in done if i.kind is IntentKind.REFUND_LAST_PAYMENT)


def record_backup_failed(db: sqlite3.Connection, why: str, at: int) -> None:
    """Record why a backup failed, or with an empty `why` that one has succeeded.

    The admins are notified once until a backup succeeds, and only if a single server sells plans: with
    several servers, their admins are not necessarily the people who run the bot.
    """
    guilds = db.execute("SELECT DISTINCT guild_id FROM plans WHERE guild_id > 0 LIMIT 2").fetchall()
    if why and not load_value(db, BACKUP_FAILED) and len(guilds) == 1:
        guild_id = guilds[0][0]
        record_notice(db, Notice(f"backup_failed:{guild_id}:{at}", guild_id, None, BackupFailed(), at))
    record_value(db, BACKUP_FAILED, why)


def load_notices(db: sqlite3.Connection, at: int, limit: int) -> list[Notice]:
    rows = db.execute(
        f"SELECT {NOTICE} FROM notices AS n WHERE next_try_at <= ? AND NOT (created_at > ? AND EXISTS"
        " (SELECT 1 FROM members AS m WHERE m.guild_id = n.guild_id AND m.member_id = n.member_id"
        " AND m.next_try_at IS NOT NULL)) ORDER BY next_try_at, row LIMIT ?",
        (at, at - WAITS_FOR_ROLES, limit),
    )
    return [_notice(row) for row in rows]


def load_waiting_news(db: sqlite3.Connection, guild_id: int, member_id: int) -> list[Notice]:
    rows = db.execute(
        f"SELECT {NOTICE} FROM notices WHERE next_try_at > 0 AND member_id = ? AND guild_id = ?",
        (member_id, guild_id),
    )
    found = [notice for row in rows if isinstance((notice := _notice(row)).body, RoleNews)]
    return sorted(found, key=attrgetter("created_at"))


def load_notice(db: sqlite3.Connection, key: str) -> Notice | None:
    row = db.execute(f"SELECT {NOTICE} FROM notices WHERE key = ?", (key,)).fetchone()
    return _notice(row) if row else None


def record_told(db: sqlite3.Connection, key: str, at: int, *, delivered: bool) -> None:
    db.execute(
        "UPDATE notices SET next_try_at = NULL, told_at = ? WHERE key = ? AND told_at IS NULL",
        (at if delivered else None, key),
    )


def record_notice_failed(db: sqlite3.Connection, key: str, next_try_at: int) -> None:
    db.execute(
        "UPDATE notices SET attempts = attempts + 1, next_try_at = ?"
        " WHERE key = ? AND next_try_at IS NOT NULL",
        (next_try_at, key),
    )


_UNTOLD = "member_id = ? AND told_at IS NULL AND next_try_at IS NULL"


def has_untold(db: sqlite3.Connection, member_id: int) -> bool:
    """Return True if `take_untold` would find a notice.

    This check is cheap and runs first, because most commands find no notice.
    """
    return db.execute(f"SELECT 1 FROM notices WHERE {_UNTOLD} LIMIT 1", (member_id,)).fetchone() is not None


def take_untold(db: sqlite3.Connection, member_id: int, at: int) -> list[Notice]:
    rows = db.execute(f"SELECT {NOTICE} FROM notices WHERE {_UNTOLD} ORDER BY row", (member_id,)).fetchall()
    db.execute(f"UPDATE notices SET told_at = ? WHERE {_UNTOLD}", (at, member_id))
    return [_notice(row) for row in rows]


def take_untold_to_admins(db: sqlite3.Connection, guild_id: int, at: int, limit: int) -> list[Notice]:
    rows = db.execute(
        f"SELECT row, {NOTICE} FROM notices WHERE member_id IS NULL AND told_at IS NULL"
        " AND next_try_at IS NULL AND guild_id = ? ORDER BY row LIMIT ?",
        (guild_id, limit),
    ).fetchall()
    db.executemany("UPDATE notices SET told_at = ? WHERE row = ?", [(at, row[0]) for row in rows])
    return [_notice(row[1:]) for row in rows]


def load_history(db: sqlite3.Connection, guild_id: int, member_id: int, limit: int) -> list[Change]:
    rows = db.execute(
        f"SELECT {CHANGE} FROM history WHERE guild_id = ? AND member_id = ? ORDER BY id DESC LIMIT ?",
        (guild_id, member_id, limit),
    )
    return [change(row) for row in rows]


def _notice(row: Row) -> Notice:
    """Build a notice from a row with the columns of NOTICE."""
    key, guild, member, kind, facts, created_at = row
    return Notice(key, guild, member, _body(kind, msgspec.json.decode(facts)), created_at)


def _body(kind: str, facts: dict[str, Any]) -> NoticeBody:
    """Build the body of a notice from its stored fields.

    Returns Unknown for a kind that only a later version knows, so that it does not block the notices behind
    it.
    """
    if kind not in BODIES:
        return Unknown(kind)
    try:
        # Not strict, because older rows store booleans as 1 and 0.
        return msgspec.convert(_typed(facts), BODIES[kind], strict=False)
    except msgspec.ValidationError:
        return Unknown(kind)


def _typed(facts: dict[str, Any]) -> dict[str, Any]:
    """Convert a notice's stored fields to the structure of its body.

    Up to version 0.1 the fields were flat, with subscriptions and amounts split into several fields.
    """
    typed = {name: value for name, value in facts.items() if value is not None}
    if isinstance(typed.get("subscription"), str):
        key = {"provider": facts.get("provider", ""), "account": facts.get("account", "")}
        typed["subscription"] = key | {"id": facts["subscription"]}
    if isinstance(typed.get("other"), str):
        typed["other"] = {"provider": facts["other_provider"], "account": "", "id": facts["other"]}
    if isinstance(typed.get("amount"), int):
        typed["amount"] = {"amount": facts["amount"], "currency": facts["currency"]}
    return typed
