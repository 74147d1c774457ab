"""Queries for requests to a provider, which are kept until the provider has confirmed them."""

from __future__ import annotations

import sqlite3

from billing.model import Intent, IntentKind, IntentState, SubscriptionKey
from billing.model.stored_texts import to_stored
from db.queries.rows import INTENT, intent, intent_row, key_row, marks

# A pending intent of these kinds is dropped when the opposite is requested.
_DROPS: dict[IntentKind, tuple[IntentKind, ...]] = {
    IntentKind.RESUME: (IntentKind.CANCEL_AT_PERIOD_END,),
    IntentKind.CANCEL_AT_PERIOD_END: (IntentKind.RESUME,),
    IntentKind.CANCEL_NOW: (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.RESUME),
    IntentKind.REFUND_LAST_PAYMENT: (),
}

_INSERT = f"INSERT INTO intents ({INTENT}) VALUES ({marks(INTENT)})"
_OF = "provider = ? AND account = ? AND subscription_id = ?"


def record_intent(db: sqlite3.Connection, request: Intent) -> Intent:
    row = db.execute(
        f"SELECT {INTENT} FROM intents WHERE {_OF} AND kind = ? AND state = 'pending'",
        (*key_row(request.key), request.kind),
    ).fetchone()
    known = intent(row) if row else load_intent(db, request.id)
    if known is not None:
        return known
    db.executemany(
        f"UPDATE intents SET state = 'dropped' WHERE {_OF} AND kind = ? AND state = 'pending'",
        [(*key_row(request.key), kind) for kind in _DROPS[request.kind]],
    )
    db.execute(_INSERT, intent_row(request))
    return request


def is_settled_now(db: sqlite3.Connection, request: Intent) -> bool:
    """Return True if the request is done while the ledger still records it as pending."""
    known = load_intent(db, request.id) if request.state is IntentState.DONE else None
    return known is not None and known.state is IntentState.PENDING


def record_outcome(db: sqlite3.Connection, request: Intent) -> None:
    """Record a request's state and result. A request that was already settled never becomes pending again."""
    refunded = (request.refunded.amount, request.refunded.currency) if request.refunded else (None, None)
    db.execute(
        "UPDATE intents SET state = ?, attempts = ?, next_attempt_at = ?, payment_id = ?,"
        " refunded_amount = ?, refunded_currency = ?, outcome = ?, receipt = ?"
        " WHERE id = ? AND (state = 'pending' OR ? <> 'pending')",
        (
            request.state,
            request.attempts,
            request.next_attempt_at,
            request.payment_id,
            *refunded,
            to_stored(request.outcome),
            int(request.receipt),
            request.id,
            request.state,
        ),
    )
    if request.state is not IntentState.PENDING:
        db.execute("DELETE FROM unasked_intents WHERE id = ?", (request.id,))


def load_intents(db: sqlite3.Connection, at: int, limit: int) -> list[Intent]:
    rows = db.execute(
        f"SELECT {INTENT} FROM intents WHERE state = 'pending' AND next_attempt_at <= ?"
        " ORDER BY next_attempt_at, row LIMIT ?",
        (at, limit),
    )
    return [intent(row) for row in rows]


def load_intents_of(db: sqlite3.Connection, key: SubscriptionKey) -> list[Intent]:
    rows = db.execute(
        f"SELECT {INTENT} FROM intents WHERE {_OF} ORDER BY created_at DESC, row DESC", key_row(key)
    )
    return [intent(row) for row in rows]


def load_intent(db: sqlite3.Connection, intent_id: str) -> Intent | None:
    row = db.execute(f"SELECT {INTENT} FROM intents WHERE id = ?", (intent_id,)).fetchone()
    return intent(row) if row else None
