"""Finds out who stopped a subscription's renewal: its member, or an admin who revoked it."""

from __future__ import annotations

from collections.abc import Sequence

from billing.model import Intent, IntentKind, IntentState, Status, Subscription

RENEWAL = (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.RESUME)
LIVE = (IntentState.DONE, IntentState.PENDING)


def is_of_admins(intent: Intent) -> bool:
    """Return True if a revocation, or undoing one, created the intent.

    The ids of such intents contain the decision and the subscription.
    """
    return f"-{intent.key.id}-" in intent.id


def stopped_by_admins(subscription: Subscription, intents: Sequence[Intent]) -> bool:
    """Return True if the subscription has not ended and only a revocation stopped its renewal.

    `intents`: newest first.
    """
    newest = next((i for i in intents if i.kind in RENEWAL), None)
    if newest is None or newest.kind is IntentKind.RESUME or subscription.status is Status.ENDED:
        return False
    return newest.state in LIVE and is_of_admins(newest)


def wants_out(intents: Sequence[Intent]) -> bool:
    """Return True if the member's own last request was to cancel, and it still counts.

    It does if the admins' cancellation came earlier or replaced it, or if it is still pending. `intents`:
    newest first.
    """
    own = next((i for i in intents if not is_of_admins(i) and i.receipt), None)
    if own is None or own.kind is IntentKind.RESUME:
        return False
    stop = next((i for i in intents if i.kind in RENEWAL and is_of_admins(i)), None)
    later = stop is None or intents.index(own) < intents.index(stop)
    return later or own.state in (IntentState.DROPPED, IntentState.PENDING)
