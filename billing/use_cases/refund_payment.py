"""Lets an admin refund a member's last payment, while the subscription continues."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from billing.errors import Conflict, NotFound
from billing.model import Binding, Intent, IntentKind, Status, SubscriptionKey
from billing.model.translatable_text import Text
from billing.ports import Ports
from billing.rules.access import plans_of
from billing.use_cases.cancel import PATIENCE
from billing.use_cases.revoke import AffectedSubscription, execute_or_join, with_payment


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """An admin's request to refund one payment."""

    guild_id: int
    member_id: int
    key: SubscriptionKey
    payment_id: str
    by: int


async def load_refundable(
    ports: Ports, guild_id: int, member_id: int, limit: int
) -> list[AffectedSubscription]:
    """Load up to `limit` of the member's subscriptions in this server with their last payments.

    Subscriptions that have not ended come first.
    """
    state = await ports.ledger.load_member_state(guild_id, member_id)
    paid = [s for s in state.subscriptions if s.status is not Status.PENDING]
    newest = sorted(paid, key=lambda s: (s.status is Status.ENDED, -s.created_at))[:limit]
    found = (AffectedSubscription(s, tuple(plans_of(s, state.plans))) for s in newest)
    return list(await asyncio.gather(*(with_payment(ports, one) for one in found)))


async def refund_payment(ports: Ports, request: RefundRequest, number: str) -> Intent:
    """Refund the payment, now or as soon as the provider answers.

    `number`: identifies the admin's question, so that pressing the button twice refunds once. Raises NotFound
    if the subscription is not this member's in this server.
    """
    subscription = await ports.ledger.load_subscription(request.key)
    if subscription is None or subscription.binding != Binding(request.guild_id, request.member_id):
        raise NotFound(Text("error.subscription_unknown"))
    now = ports.now()
    intent = Intent(
        id=f"refund-{number}",
        kind=IntentKind.REFUND_LAST_PAYMENT,
        key=request.key,
        by=request.by,
        reason="history.refunded",
        created_at=now,
        next_attempt_at=now + PATIENCE,
        payment_id=request.payment_id,
    )
    kept = await ports.ledger.record_intent(intent)
    if kept.payment_id not in (None, intent.payment_id):  # a refund of an earlier payment still waits
        raise Conflict(Text("error.refund_question_closed"))
    return await execute_or_join(ports, intent)
