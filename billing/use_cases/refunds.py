"""Money given back in the provider's dashboard: a refund ends no subscription, and the admins hear so."""

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
    RefundedByHand,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.ports import Ports, Provider


def is_refund(event: Event) -> bool:
    """Whether money was given back: Stripe's `charge.refunded`, PayPal's `PAYMENT.SALE.REFUNDED`."""
    return event.kind.lower().endswith(".refunded")


async def tell_refund(
    ports: Ports, provider: Provider, event: Event, keys: Sequence[SubscriptionKey]
) -> None:
    """One notice a payment, where the subscription goes on and nobody here had asked for the refund. What the
    ledger knows of that spares the look at the provider."""
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
            if latest.renews:
                await _tell(ports, event, known, payment)


async def _tell(ports: Ports, event: Event, known: Subscription, payment: Payment | None) -> None:
    """An event names the payment or, with some providers, the subscription: then it is the last one's."""
    assert event.subject is not None
    assert known.binding is not None
    last = payment is not None and event.subject.id in (payment.id, known.key.id)
    refunded = payment.id if payment and last else event.subject.id
    if refunded in await _own(ports, known.key) or (payment and last and not payment.refunded):
        return
    amount = Money(payment.refunded, payment.currency) if payment and last else None
    body = RefundedByHand(known.binding.member_id, known.key, amount)
    name = f"refunded:{known.key}:{refunded}"
    notice = Notice(name, known.binding.guild_id, None, body, ports.now())
    await ports.ledger.record_notice(notice)


async def _own(ports: Ports, key: SubscriptionKey) -> set[str | None]:
    """The payments that were given back, or are being given back, by somebody's wish here."""
    intents = await ports.ledger.load_intents_of(key)
    asked = (IntentState.PENDING, IntentState.DONE)
    return {i.payment_id for i in intents if i.kind is IntentKind.REFUND_LAST_PAYMENT and i.state in asked}
