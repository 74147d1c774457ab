"""Sends notices about refunds that end no subscription, and about unexplained reversals of payments.

Such refunds are made in the provider's dashboard or by an admin. A reversal is unexplained if the provider
does not say what it was for.
"""

from __future__ import annotations

from collections.abc import Sequence

from billing.errors import ProviderRefused
from billing.model import (
    Event,
    Intent,
    IntentKind,
    IntentState,
    Money,
    Notice,
    Payment,
    Refunded,
    RefundedByHand,
    Status,
    Subscription,
    SubscriptionKey,
    TakenBack,
)
from billing.ports import Ports, Provider
from billing.use_cases.operators import tell_operators
from billing.use_cases.selling_servers import load_sellers
from billing.use_cases.subscription_news import plan_names
from billing.use_cases.who_stopped_renewal import is_of_admins


def is_reversal(event: Event) -> bool:
    """Return True if a payment was reversed, as in PayPal's `PAYMENT.SALE.REVERSED`."""
    return event.kind.lower().endswith(".reversed")


def is_refund(event: Event) -> bool:
    """Return True if a payment was refunded: Stripe's `charge.refunded`, PayPal's `PAYMENT.SALE.REFUNDED`."""
    return event.kind.lower().endswith(".refunded")


async def tell_refund(
    ports: Ports, provider: Provider, event: Event, keys: Sequence[SubscriptionKey]
) -> None:
    """Send one notice per payment if nobody asked for the refund through the bot.

    The provider is asked only if the ledger does not know the refund.
    """
    assert event.subject is not None
    for key in keys:
        known = await ports.ledger.load_subscription(key)
        if known is None or known.binding is None or known.status is Status.ENDED:
            continue
        if event.subject.id not in await _own(ports, key):
            try:
                latest = await provider.fetch_subscription(key.id)
                payment = await provider.fetch_last_payment(latest)
            except ProviderRefused:
                continue  # it may not be read, and never will be
            await _tell(ports, event, known, payment, renews=latest.renews)


async def _tell(
    ports: Ports, event: Event, known: Subscription, payment: Payment | None, *, renews: bool
) -> None:
    """Notify the member of the refund, and the admins if the subscription continues.

    The event names the payment or, with some providers, the subscription; in that case the last payment is
    meant.
    """
    assert event.subject is not None
    assert known.binding is not None
    last = payment is not None and event.subject.id in (payment.id, known.key.id)
    refunded = payment.id if payment and last else event.subject.id
    nothing = payment is not None and last and not payment.refunded and not payment.partly
    if refunded in await _own(ports, known.key) or nothing:
        return
    amount = Money(payment.refunded, payment.currency) if payment and last and payment.refunded else None
    body = RefundedByHand(known.binding.member_id, known.key, amount)
    name = f"refunded:{known.key}:{refunded}"
    guild_id, now = known.binding.guild_id, ports.now()
    plans = await ports.ledger.load_plans(guild_id, removed=True)
    own = Refunded(plan_names(known, plans), known.key, amount, refunded)
    told = f"{name}:{amount.amount if amount else ''}:member"
    await ports.ledger.record_notice(Notice(told, guild_id, body.member, own, now))
    if renews:
        await ports.ledger.record_notice(Notice(name, guild_id, None, body, now))


async def refund_notices(ports: Ports, done: Intent, subscription: Subscription) -> list[Notice]:
    """Return the notice to the member about a refund that an admin made without ending anything.

    A refund made by a revocation is not included, because the revocation's own notice mentions it.
    """
    whose = subscription.binding
    if whose is None or done.state is not IntentState.DONE or is_of_admins(done):
        return []
    plans = await ports.ledger.load_plans(whose.guild_id, removed=True)
    payment, amount = done.payment_id or "", done.refunded
    body = Refunded(plan_names(subscription, plans), done.key, amount, payment)
    key = f"refunded:{done.key}:{payment}:{amount.amount if amount else ''}:member"
    return [Notice(key, whose.guild_id, whose.member_id, body, ports.now())]


async def tell_taken_back(ports: Ports, event: Event) -> bool:
    """Report a reversed payment to whoever runs the bot, because somebody may keep a role without paying.

    This is for reversals for which the provider names no subscription. Returns False if the report has to be
    repeated later.
    """
    assert event.subject is not None
    sellers = await load_sellers(ports.ledger, event.provider, event.account)
    name = f"taken_back:{event.provider}:{event.account}:{event.subject.id}"
    return await tell_operators(ports, name, TakenBack(event.provider, event.subject.id), sellers)


async def _own(ports: Ports, key: SubscriptionKey) -> set[str | None]:
    """Return the ids of the payments that were or are being refunded at a request made through the bot."""
    intents = await ports.ledger.load_intents_of(key)
    asked = (IntentState.PENDING, IntentState.DONE)
    return {i.payment_id for i in intents if i.kind is IntentKind.REFUND_LAST_PAYMENT and i.state in asked}
