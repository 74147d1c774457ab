"""Decides which events of the outbox are news about sales. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from billing.model.outbox import (
    OutboxEvent,
    SubscriptionEnded,
    SubscriptionEvent,
    SubscriptionPaymentFailed,
    SubscriptionRecovered,
    SubscriptionRenewalResumed,
    SubscriptionRenewalStopped,
    SubscriptionStarted,
    SubscriptionTrialStarted,
)
from billing.model.sales_news import NewsKind, SaleNews

_KINDS: Mapping[type[SubscriptionEvent], NewsKind] = {
    SubscriptionStarted: NewsKind.SALES,
    SubscriptionTrialStarted: NewsKind.SALES,
    SubscriptionRenewalStopped: NewsKind.CANCELLATIONS,
    SubscriptionRenewalResumed: NewsKind.CANCELLATIONS,
    SubscriptionEnded: NewsKind.CANCELLATIONS,
    SubscriptionPaymentFailed: NewsKind.FAILED_PAYMENTS,
    SubscriptionRecovered: NewsKind.FAILED_PAYMENTS,
}


def kind_of(event: OutboxEvent) -> NewsKind | None:
    """Return the kind of news that an event is; None if it is none."""
    body = event.body
    return _KINDS.get(type(body)) if isinstance(body, SubscriptionEvent) else None


def news_of(event: OutboxEvent, plans: Mapping[int, str]) -> SaleNews | None:
    """Return an event as news; None if it is none.

    `plans`: the names of the server's plans by id.
    """
    body = event.body
    if kind_of(event) is None or event.member_id is None or not isinstance(body, SubscriptionEvent):
        return None
    names = ", ".join(plans[plan] for plan in body.subscription.plans if plan in plans)
    if len(body.subscription.charges) != 1:  # none, or several that renew at different times
        return SaleNews(body.type, event.member_id, names)
    (charge,) = body.subscription.charges
    return SaleNews(body.type, event.member_id, names, charge.amount, charge.interval, charge.interval_count)
