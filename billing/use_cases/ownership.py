"""Makes sure that members can reach the billing of only their own subscriptions."""

from __future__ import annotations

from billing.errors import NotAllowed, NotFound
from billing.model import MemberState, Subscription, SubscriptionKey
from billing.model.translatable_text import Text
from billing.ports import Ports


async def load_owned(ports: Ports, member_id: int, key: SubscriptionKey) -> Subscription:
    """Return the caller's own subscription.

    Raises NotFound for any other, whether it exists or not, and NotAllowed if an admin linked it to the
    caller, because somebody else may pay for it and own the billing.
    """
    return require_owned(await ports.ledger.load_subscription(key), member_id)


async def load_owned_with_member(
    ports: Ports, member_id: int, key: SubscriptionKey
) -> tuple[Subscription, MemberState | None]:
    """Return the caller's own subscription with their member state, in one consistent read.

    Raises the errors of `load_owned`.
    """
    subscription, state = await ports.ledger.load_with_member(key)
    return require_owned(subscription, member_id), state


def require_owned(subscription: Subscription | None, member_id: int) -> Subscription:
    """Return the subscription if this member pays for it. Raises the errors of `load_owned`."""
    if subscription is None or subscription.binding is None or subscription.binding.member_id != member_id:
        raise NotFound(Text("error.no_such_subscription"))
    if not subscription.is_payers:
        raise NotAllowed(Text("error.not_the_payer"))
    return subscription
