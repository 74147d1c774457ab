"""Money that went back: by a refund in the provider's dashboard, which ends no subscription, or by a reversal
that the provider does not explain. The admins hear of both."""

from __future__ import annotations

from collections.abc import Sequence

from billing.errors import ProviderRefused
from billing.model import (
    Event,
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
from billing.use_cases.subscription_news import plan_names
from billing.use_cases.unowned_subscriptions import load_sellers


def is_reversal(event: Event) -> bool:
    """Whether a payment was taken back, as PayPal's `PAYMENT.SALE.REVERSED` says."""
    return event.kind.lower().endswith(".reversed")


def is_refund(event: Event) -> bool:
    """Whether money was given back: Stripe's `charge.refunded`, PayPal's `PAYMENT.SALE.REFUNDED`."""
    return event.kind.lower().endswith(".refunded")


async def tell_refund(
    ports: Ports, provider: Provider, event: Event, keys: Sequence[SubscriptionKey]
) -> None:
    """One notice a payment, where nobody here had asked for the refund. What the ledger knows of that spares
    the look at the provider."""
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
                continue  # it may not be looked at, and never may
            await _tell(ports, event, known, payment, renews=latest.renews)


async def _tell(
    ports: Ports, event: Event, known: Subscription, payment: Payment | None, *, renews: bool
) -> None:
    """The member hears that they get money back, and the admins where the subscription goes on.

    An event names the payment or, with some providers, the subscription: then it is the last one's."""
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
    own = Refunded(plan_names(known, plans), known.key, amount)
    told = f"{name}:{amount.amount if amount else ''}:member"
    await ports.ledger.record_notice(Notice(told, guild_id, body.member, own, now))
    if renews:
        await ports.ledger.record_notice(Notice(name, guild_id, None, body, now))


async def tell_taken_back(ports: Ports, event: Event) -> bool:
    """A payment was taken back of which the provider does not say what it was for: whoever runs the bot hears
    of it, as a role may be kept without being paid. False where they are to be told later."""
    assert event.subject is not None
    sellers = await load_sellers(ports.ledger, event.provider, event.account)
    name = f"taken_back:{event.provider}:{event.account}:{event.subject.id}"
    return await tell_operators(ports, name, TakenBack(event.provider, event.subject.id), sellers)


async def _own(ports: Ports, key: SubscriptionKey) -> set[str | None]:
    """The payments that were given back, or are being given back, by somebody's wish here."""
    intents = await ports.ledger.load_intents_of(key)
    asked = (IntentState.PENDING, IntentState.DONE)
    return {i.payment_id for i in intents if i.kind is IntentKind.REFUND_LAST_PAYMENT and i.state in asked}
