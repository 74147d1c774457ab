"""Decides whether a request to a provider is already fulfilled."""

from __future__ import annotations

from billing.model import IntentKind, Status, Subscription


def is_fulfilled(kind: IntentKind, subscription: Subscription) -> bool:
    """Return True if the subscription is already in the requested state; the provider need not be asked."""
    match kind:
        case IntentKind.CANCEL_AT_PERIOD_END:
            return subscription.ends_with_period or subscription.status is Status.ENDED
        case IntentKind.CANCEL_NOW:
            return subscription.status is Status.ENDED
        case IntentKind.RESUME:
            return subscription.renews and subscription.ends_at is None
        case _:
            return False
