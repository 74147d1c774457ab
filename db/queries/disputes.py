"""Queries for disputes, and for the dispute state of a subscription that follows from them."""

from __future__ import annotations

import sqlite3

from billing.model import DisputeState, SubscriptionKey
from billing.ports import Dispute
from db.queries.rows import key_row

# The first of these that any dispute has decides: lost suspends access for good, open until it is decided.
_WORST_FIRST = (DisputeState.LOST, DisputeState.OPEN, DisputeState.WON)


def put(db: sqlite3.Connection, dispute: Dispute) -> None:
    about = dispute.key.id if dispute.key else None
    db.execute(
        "INSERT OR REPLACE INTO disputes (provider, account, id, subscription_id, state)"
        " VALUES (?, ?, ?, ?, ?)",
        (dispute.provider, dispute.account, dispute.id, about, dispute.state),
    )


def load_dispute(db: sqlite3.Connection, provider: str, account: str, dispute_id: str) -> DisputeState | None:
    row = db.execute(
        "SELECT state FROM disputes WHERE provider = ? AND account = ? AND id = ?",
        (provider, account, dispute_id),
    ).fetchone()
    return DisputeState(row[0]) if row else None


def state_of(db: sqlite3.Connection, key: SubscriptionKey) -> DisputeState:
    rows = db.execute(
        "SELECT state FROM disputes WHERE provider = ? AND account = ? AND subscription_id = ?", key_row(key)
    )
    states = {row[0] for row in rows}
    return next((state for state in _WORST_FIRST if state in states), DisputeState.NONE)
