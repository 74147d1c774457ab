"""Queries for received events, and for the queue of subscriptions to fetch because of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import itemgetter

from billing.model import Event, SubscriptionKey
from billing.ports import StaleSubscription
from billing.priority import YIELDS, Priority
from db.queries.rows import EVENT, event, event_row, key_row, marks, to_json

# Seconds for which a finished event is kept. Stripe delivers for 3 days and lists events for 30; a later
# duplicate would merely cause one more fetch.
_KEEP = 90 * 86_400

_STALE = """
    SELECT next_try_at, since, provider, account, subscription_id, version, evidence, attempts, priority
    FROM stale WHERE priority = ? AND next_try_at <= ? ORDER BY next_try_at, since, version LIMIT ?
"""

_STALE_MEMBERS = """
    SELECT s.created_at, stale.provider, stale.account, subscription_id, version, evidence, attempts, priority
    FROM stale CROSS JOIN subscriptions AS s
        ON s.provider = stale.provider AND s.account = stale.account AND s.id = subscription_id
    WHERE stale.provider = ? AND stale.account = ? AND priority IN (1, 2) AND next_try_at <= ?
        AND s.member_id IS NOT NULL LIMIT ?
"""

_THE_EVENT = "provider = ? AND account = ? AND event_id = ?"
_THE_SUBSCRIPTION = "provider = ? AND account = ? AND subscription_id = ?"
_INSERT = f"""
    INSERT INTO inbox ({EVENT}, received_at, next_try_at, done_at) VALUES ({marks(EVENT)}, ?, ?, ?)
    ON CONFLICT (provider, account, event_id) DO NOTHING
"""


def record_events(db: sqlite3.Connection, events: Sequence[Event], at: int) -> int:
    rows = [(*event_row(e), at, at if e.subject else None, None if e.subject else at) for e in events]
    return db.executemany(_INSERT, rows).rowcount


def load_known_events(db: sqlite3.Connection, provider: str, account: str, ids: Sequence[str]) -> set[str]:
    rows = db.execute(
        "SELECT event_id FROM inbox WHERE provider = ? AND account = ?"
        " AND event_id IN (SELECT value FROM json_each(?))",
        (provider, account, to_json(ids)),
    )
    return {row[0] for row in rows}


def load_pending_events(db: sqlite3.Connection, at: int, limit: int) -> list[Event]:
    rows = db.execute(
        f"SELECT {EVENT} FROM inbox WHERE done_at IS NULL AND next_try_at <= ?"
        " ORDER BY next_try_at, received_at, id LIMIT ?",
        (at, limit),
    )
    return [event(row) for row in rows]


def record_located(
    db: sqlite3.Connection,
    event: Event,
    keys: Sequence[SubscriptionKey],
    at: int,
    priority: Priority = Priority.CHANGE,
) -> None:
    row = db.execute(
        f"SELECT id FROM inbox WHERE {_THE_EVENT} AND done_at IS NULL",
        (event.provider, event.account, event.id),
    ).fetchone()
    if row is None:
        return
    record_stale(db, keys, event.id, at, priority)
    db.executemany(
        "INSERT OR REPLACE INTO rings (provider, account, subscription_id, inbox_id, version)"
        f" SELECT provider, account, subscription_id, ?, version FROM stale WHERE {_THE_SUBSCRIPTION}",
        [(row[0], *key_row(key)) for key in keys],
    )
    db.execute(
        "UPDATE inbox SET next_try_at = NULL, done_at = ? WHERE id = ?", (None if keys else at, row[0])
    )


def record_event_failed(db: sqlite3.Connection, event: Event, error: str, next_try_at: int) -> None:
    db.execute(
        f"UPDATE inbox SET attempts = attempts + 1, error = ?, next_try_at = ? WHERE {_THE_EVENT}"
        " AND next_try_at IS NOT NULL",
        (error, next_try_at, event.provider, event.account, event.id),
    )


def record_stale(
    db: sqlite3.Connection,
    keys: Sequence[SubscriptionKey],
    evidence: str,
    at: int,
    priority: Priority = Priority.CHANGE,
) -> None:
    """Queue subscriptions to be fetched.

    A subscription that is already queued becomes due at once, even if it was postponed, and keeps the more
    urgent of its two priorities.
    """
    for key in dict.fromkeys(keys):
        old = db.execute(
            "SELECT since, min(next_try_at, ?), attempts, error, min(priority, ?) FROM stale"
            f" WHERE {_THE_SUBSCRIPTION}",
            (at, priority, *key_row(key)),
        ).fetchone()
        db.execute(
            "INSERT OR REPLACE INTO stale (provider, account, subscription_id, evidence, since, next_try_at,"
            " attempts, error, priority) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key_row(key), evidence, *(old or (at, at, 0, None, priority))),
        )


def load_stale(db: sqlite3.Connection, at: int, limit: int) -> list[StaleSubscription]:
    due = [
        (next_try_at + YIELDS[priority], since, row)
        for priority in Priority
        for next_try_at, since, *row in db.execute(_STALE, (priority, at, limit))
    ]
    due.sort(key=itemgetter(0, 1))
    return [
        StaleSubscription(SubscriptionKey(*key), version, evidence, attempts, Priority(priority))
        for *_, (*key, version, evidence, attempts, priority) in due[:limit]
    ]


def load_stale_members(
    db: sqlite3.Connection, provider: str, account: str, at: int, limit: int
) -> list[tuple[StaleSubscription, int]]:
    rows = db.execute(_STALE_MEMBERS, (provider, account, at, limit))
    return [
        (StaleSubscription(SubscriptionKey(*key), version, evidence, attempts, Priority(priority)), made)
        for made, *key, version, evidence, attempts, priority in rows
    ]


def record_fetch_failed(
    db: sqlite3.Connection, stale: StaleSubscription, error: str, next_try_at: int
) -> None:
    """Count a failed fetch, and postpone it to `next_try_at` (unix seconds).

    If a new reason has queued the subscription again in the meantime, it is not postponed.
    """
    db.execute(
        "UPDATE stale SET attempts = attempts + 1, error = ?,"
        f" next_try_at = iif(version = ?, ?, next_try_at) WHERE {_THE_SUBSCRIPTION}",
        (error, stale.version, next_try_at, *key_row(stale.key)),
    )


def finish(
    db: sqlite3.Connection, key: SubscriptionKey | None, version: int, at: int
) -> SubscriptionKey | None:
    """Remove a subscription from the queue, and finish the events that had queued it.

    A subscription that was queued again under a newer version stays in the queue. If `key` is None, the
    subscription is found by `version`, and None is returned if there is none. Otherwise returns the key.
    """
    if key is None:
        row = db.execute(
            "SELECT provider, account, subscription_id FROM stale WHERE version = ?", (version,)
        ).fetchone()
        if row is None:
            return None
        key = SubscriptionKey(*row)
    db.execute(f"DELETE FROM stale WHERE {_THE_SUBSCRIPTION} AND version = ?", (*key_row(key), version))
    finished = db.execute(
        f"DELETE FROM rings WHERE {_THE_SUBSCRIPTION} AND version <= ? RETURNING inbox_id",
        (*key_row(key), version),
    ).fetchall()
    db.executemany(
        "UPDATE inbox SET done_at = ?, error = NULL WHERE id = ?"
        " AND NOT EXISTS (SELECT 1 FROM rings WHERE inbox_id = inbox.id)",
        [(at, row[0]) for row in finished],
    )
    return key


def forget_old(db: sqlite3.Connection, at: int) -> None:
    """Delete up to 500 events that were finished more than `_KEEP` seconds before `at`."""
    db.execute(
        "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE done_at < ? ORDER BY done_at LIMIT 500)",
        (at - _KEEP,),
    )
