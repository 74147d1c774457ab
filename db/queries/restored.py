"""Queries for subscriptions of a restored ledger that are on hold until their provider confirms them."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from billing.model import Binding, DisputeState, Status, Subscription, SubscriptionKey
from billing.priority import Priority
from billing.rules.access import plan_of
from db.queries.inbox import record_stale
from db.queries.plans import load_plans
from db.queries.reconcile_queue import enqueue
from db.queries.rows import key_row, sold_prices, to_json
from db.queries.saved_values import COPIED, MADE, NOT_TOLD, OLDER, load_value, record_value

_HOME = "provider = ? AND account = ?"

# `row > 0` lets SQLite use the table's own key.
_HOLD = """
    INSERT OR REPLACE INTO unasked (row, looked)
    SELECT row, 0 FROM subscriptions WHERE row > 0 AND (status <> 'ended' OR paid_through > ?)
"""
_STILL_PAID = """
    SELECT provider, account, id FROM subscriptions WHERE row > 0 AND status = 'ended' AND paid_through > ?
"""
_LOOKED = """
    SELECT row, guild_id, member_id FROM unasked CROSS JOIN subscriptions USING (row)
    WHERE row > 0 AND looked = 1 AND provider = ? AND account = ?
"""
_LISTED = """
    SELECT row, guild_id, member_id FROM json_each(?) CROSS JOIN subscriptions
        ON provider = ? AND account = ? AND subscriptions.id = value
    WHERE row IN (SELECT row FROM unasked)
"""


def record_started(
    db: sqlite3.Connection, homes: Sequence[tuple[str, str]], at: int, *, older: bool, copied: bool
) -> None:
    known = db.execute("SELECT provider, account FROM unasked_providers WHERE provider > ''").fetchall()
    db.executemany(f"DELETE FROM unasked_providers WHERE {_HOME}", set(known) - set(homes))
    record_value(db, "written", str(at))
    if load_value(db, MADE) == NOT_TOLD:
        record_value(db, MADE, str(at))
    if older:
        _hold(db, homes, at)
    if copied:
        record_value(db, COPIED, str(at))
        db.execute("INSERT OR IGNORE INTO unasked_intents SELECT id FROM intents WHERE state = 'pending'")
        db.execute("UPDATE notices SET next_try_at = NULL WHERE next_try_at IS NOT NULL")
        db.execute("DELETE FROM named_values WHERE name = ?", (OLDER,))


def _hold(db: sqlite3.Connection, homes: Sequence[tuple[str, str]], at: int) -> None:
    db.execute(_HOLD, (at,))
    db.executemany("INSERT OR REPLACE INTO unasked_providers VALUES (?, ?, 1)", homes)
    # A sweep does not check subscriptions that have ended.
    record_stale(db, [SubscriptionKey(*row) for row in db.execute(_STILL_PAID, (at,))], "older ledger", at)


def load_unswept(db: sqlite3.Connection, provider: str, account: str) -> bool:
    row = db.execute(f"SELECT 1 FROM unasked_providers WHERE {_HOME}", (provider, account))
    return row.fetchone() is not None


def record_looked(db: sqlite3.Connection, keys: Sequence[SubscriptionKey], at: int) -> None:
    for provider, account in {key.at for key in keys}:
        ids = to_json([key.id for key in keys if key.at == (provider, account)])
        _let_go(db, provider, account, db.execute(_LISTED, (ids, provider, account)).fetchall(), at)


def _let_go(
    db: sqlite3.Connection, provider: str, account: str, rows: Iterable[tuple[int, int, int]], at: int
) -> None:
    """Release fetched subscriptions from hold, and queue their members to be reconciled.

    While the provider's disputes have not been listed yet, only record that the subscriptions were fetched.
    """
    here = (provider, account)
    wait = db.execute(f"SELECT 1 FROM unasked_providers WHERE {_HOME} AND disputes = 1", here).fetchone()
    numbers = [(row[0],) for row in rows]
    if wait:
        db.executemany("UPDATE unasked SET looked = 1 WHERE row = ?", numbers)
        return
    db.executemany("DELETE FROM unasked WHERE row = ?", numbers)
    enqueue(db, [Binding(guild, member) for _, guild, member in rows if guild], "the provider was asked", at)


def record_disputes_listed(db: sqlite3.Connection, provider: str, account: str, at: int) -> None:
    db.execute(f"UPDATE unasked_providers SET disputes = 0 WHERE {_HOME}", (provider, account))
    _let_go(db, provider, account, db.execute(_LOOKED, (provider, account)).fetchall(), at)


def record_swept(db: sqlite3.Connection, provider: str, account: str) -> None:
    db.execute(f"DELETE FROM unasked_providers WHERE {_HOME}", (provider, account))


def record_waiting(db: sqlite3.Connection, keys: Sequence[SubscriptionKey]) -> None:
    """Queue subscriptions to be fetched before all others, because a member is waiting for them."""
    record_stale(db, keys, "a member waits for it", 0, Priority.PERSON)


def load_unasked_intent(db: sqlite3.Connection, intent_id: str) -> bool:
    return db.execute("SELECT 1 FROM unasked_intents WHERE id = ?", (intent_id,)).fetchone() is not None


def unasked_of(db: sqlite3.Connection, member_id: int) -> set[SubscriptionKey]:
    """Return the keys of the member's subscriptions that are on hold after a restore."""
    if db.execute("SELECT 1 FROM unasked WHERE row > 0 LIMIT 1").fetchone() is None:
        return set()
    rows = db.execute(
        "SELECT provider, account, id FROM subscriptions WHERE member_id = ?"
        " AND row IN (SELECT row FROM unasked)",
        (member_id,),
    )
    return {SubscriptionKey(*row) for row in rows}


def is_unasked(db: sqlite3.Connection, key: SubscriptionKey) -> bool:
    found = db.execute(
        "SELECT 1 FROM subscriptions WHERE provider = ? AND account = ? AND id = ?"
        " AND row IN (SELECT row FROM unasked)",
        key_row(key),
    )
    return found.fetchone() is not None


def hold(sub: Subscription, unasked: Container[SubscriptionKey]) -> Subscription:
    """Return the subscription as the rules should treat it: with an unknown status while it is on hold.

    Its dispute is hidden as well.
    """
    if sub.key not in unasked:
        return sub
    return replace(sub, status=Status.UNKNOWN, dispute=DisputeState.NONE)


def look(db: sqlite3.Connection, key: SubscriptionKey, at: int) -> None:
    """Release a subscription that was on hold after a restore, now that it has been fetched."""
    row = db.execute(
        "SELECT row, guild_id, member_id FROM subscriptions WHERE provider = ? AND account = ? AND id = ?"
        " AND row IN (SELECT row FROM unasked)",
        key_row(key),
    ).fetchone()
    if row is not None:
        _let_go(db, key.provider, key.account, [row], at)


def load_sold_before(db: sqlite3.Connection, moment: int, limit: int) -> dict[int, int]:
    rows = db.execute(
        "SELECT guild_id, sold, count(*) FROM subscriptions CROSS JOIN sales ON sales.id = sale"
        " WHERE row > 0 AND guild_id IS NOT NULL AND status <> 'ended' AND created_at <= ?"
        " GROUP BY guild_id, sold ORDER BY guild_id",
        (moment,),
    )
    found: dict[int, int] = {}
    for guild_id, those in groupby(rows, key=itemgetter(0)):
        plans = load_plans(db, guild_id, removed=True)
        lacking = [
            many for _, sold, many in those if not any(plan_of(price, plans) for price in sold_prices(sold))
        ]
        if lacking:
            found[guild_id] = sum(lacking)
        if len(found) == limit:
            break
    return found
