"""Queries that count the waiting work and find its age."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

from billing.ports import Health
from billing.rules.park_reasons import reason_of
from db.queries.prices import load_sold
from db.queries.rows import parked_reasons, sold_prices
from db.queries.saved_values import BACKUP_FAILED, load_value

# Each count uses an index that contains only waiting work.
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
_AGES = """
    SELECT (SELECT min(since) FROM stale), (SELECT min(created_at) FROM intents WHERE state = 'pending')
"""
_PARKED = "SELECT parked, count(*) FROM members WHERE parked IS NOT NULL GROUP BY parked"
_UNREACHED = """
    SELECT count(*), count(member_id) FROM notices WHERE told_at IS NULL AND next_try_at IS NULL
"""

_UNBOUND = """
    SELECT count(*), (SELECT sold FROM sales WHERE sales.id = s.sale)
    FROM subscriptions AS s INDEXED BY subscriptions_unbound
    WHERE member_id IS NULL AND status <> 'ended' AND status <> 'pending' GROUP BY sale
"""


def load_health(db: sqlite3.Connection, at: int) -> Health:
    event, member, *counts = db.execute(_WAITING).fetchone()
    health = Health(age_of(event, at), age_of(member, at), *counts)
    failed = load_value(db, BACKUP_FAILED) or ""
    lacks = sum(json.loads(load_value(db, "lacks") or "{}").values())
    stale, intent = db.execute(_AGES).fetchone()
    unreached, members = db.execute(_UNREACHED).fetchone()
    return replace(
        health,
        backup_failed=failed,
        unbound=_count_unbound(db),
        lacks=lacks,
        oldest_stale_age=age_of(stale, at),
        oldest_intent_age=age_of(intent, at),
        parked=_count_parked(db),
        unreached_members=members,
        unreached_admins=unreached - members,
    )


def _count_parked(db: sqlite3.Connection) -> dict[str, int]:
    counts: dict[str, int] = {}
    for parked, many in db.execute(_PARKED):
        reason = reason_of(parked_reasons(parked))
        counts[reason] = counts.get(reason, 0) + many
    return counts


def _count_unbound(db: sqlite3.Connection) -> int:
    """Return the number of running subscriptions without an owner whose price is sold by a plan."""
    counted = [(many, sold_prices(text)) for many, text in db.execute(_UNBOUND).fetchall()]
    sold = load_sold(db, [price for _, prices in counted for price in prices])
    return sum(many for many, prices in counted if any(price.key in sold for price in prices))


def age_of(since: int | None, at: int) -> float | None:
    return None if since is None else float(max(at - since, 0))
