"""A member reaches only their own billing."""

from __future__ import annotations

from billing.errors import NotAllowed, NotFound
from billing.model import Subscription, SubscriptionKey
from billing.ports import Ports

NOT_THE_PAYER = (
    "An admin linked this subscription to you, and somebody else may be paying for it. So only who pays can "
    "change or cancel it, at the payment provider. If that is you, ask the server's admins: the bot's owner "
    "can open it for you."
)


async def load_owned(ports: Ports, member_id: int, key: SubscriptionKey) -> Subscription:
    """The caller's own subscription; NotFound for anything else, whether it exists or not. NotAllowed where
    an admin only said that it is theirs: who pays it may be somebody else, and so is the billing."""
    subscription = await ports.ledger.load_subscription(key)
    if subscription is None or subscription.binding is None or subscription.binding.member_id != member_id:
        raise NotFound("You have no such subscription. /subscriptions lists yours.")
    if not subscription.is_payers:
        raise NotAllowed(NOT_THE_PAYER)
    return subscription
