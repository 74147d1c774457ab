"""Who stopped a subscription's renewal: its member, or an admin who revoked it."""

from __future__ import annotations

from collections.abc import Sequence

from billing.model import Intent, IntentKind, IntentState, Status, Subscription

RENEWAL = (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.RESUME)
LIVE = (IntentState.DONE, IntentState.PENDING)


def is_of_admins(intent: Intent) -> bool:
    """Whether a revocation asked for it, or its undoing: their intents are named after decision and
    subscription."""
    return f"-{intent.key.id}-" in intent.id


def stopped_by_admins(subscription: Subscription, intents: Sequence[Intent]) -> bool:
    """Whether a revocation, and nobody else, is why it ends, and it runs still. `intents`: newest first."""
    newest = next((i for i in intents if i.kind in RENEWAL), None)
    if newest is None or newest.kind is IntentKind.RESUME or subscription.status is Status.ENDED:
        return False
    return newest.state in LIVE and is_of_admins(newest)


def wants_out(intents: Sequence[Intent]) -> bool:
    """Whether the member's own last word was to cancel, and an admin's stop came in between: before it was
    done, or when the admin's stood already. `intents`: newest first."""
    own = next((i for i in intents if not is_of_admins(i) and i.receipt), None)
    if own is None or own.kind is IntentKind.RESUME:
        return False
    stop = next((i for i in intents if i.kind in RENEWAL and is_of_admins(i)), None)
    later = stop is None or intents.index(own) < intents.index(stop)
    return later or own.state in (IntentState.DROPPED, IntentState.PENDING)
