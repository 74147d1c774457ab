"""A member reaches only their own billing."""

from __future__ import annotations

from billing.errors import NotFound
from billing.model import Subscription, SubscriptionKey
from billing.ports import Ports


async def load_own(ports: Ports, member_id: int, key: SubscriptionKey) -> Subscription:
    """The caller's own subscription; NotFound for anything else, whether it exists or not."""
    subscription = await ports.ledger.load_subscription(key)
    if subscription is None or subscription.binding is None or subscription.binding.member_id != member_id:
        raise NotFound("You have no such subscription. /subscriptions lists yours.")
    return subscription
