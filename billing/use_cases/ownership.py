"""Members can reach only the billing of their own subscriptions."""

from __future__ import annotations

from billing.errors import NotAllowed, NotFound
from billing.model import Subscription, SubscriptionKey
from billing.model.translatable_text import Text
from billing.ports import Ports


async def load_owned(ports: Ports, member_id: int, key: SubscriptionKey) -> Subscription:
    """The caller's own subscription. NotFound for any other, whether it exists or not; NotAllowed if an
    admin linked it to the caller, because somebody else may pay for it and own the billing."""
    subscription = await ports.ledger.load_subscription(key)
    if subscription is None or subscription.binding is None or subscription.binding.member_id != member_id:
        raise NotFound(Text("error.no_such_subscription"))
    if not subscription.is_payers:
        raise NotAllowed(Text("error.not_the_payer"))
    return subscription
