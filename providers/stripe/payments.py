"""Finds a payment's subscriptions and a subscription's last payment, and refunds that payment.

Since API 2025-03-31 an invoice no longer names its payment; InvoicePayments link the two
(docs.stripe.com/api/invoice-payment, 2026-11).
"""

from __future__ import annotations

from billing.errors import ProviderError, ProviderRefused
from billing.model import Payment, Subject
from billing.model.translatable_text import Text
from providers.base import Answer, maybe, need
from providers.stripe.api import Api, NotKnown, Refused, path
from providers.stripe.mapping import invoice_subscription, map_charge_payment, map_intent_payment, maybe_id


async def locate_payment(api: Api, payment: Answer) -> list[str]:
    """Return the ids of the subscriptions that a charge, refund or dispute is about.

    They are found by its PaymentIntent.
    """
    intent = maybe_id(payment, "payment_intent")
    if intent is not None:
        return await locate_intent(api, intent)
    invoice = maybe_id(payment, "invoice")  # charges named their invoice before API 2025-03-31
    return await locate_invoice(api, invoice) if invoice is not None else []


async def locate_intent(api: Api, intent: str) -> list[str]:
    """Return the ids of the subscriptions whose invoices a PaymentIntent paid or tried to pay."""
    by = {"type": "payment_intent", "payment_intent": intent}
    links = await api.first("invoice_payments", payment=by, expand=["data.invoice"])
    found: list[str] = []
    for link in links:
        invoice = need(link, "invoice", object)
        if isinstance(invoice, str):
            found += await locate_invoice(api, invoice)
        else:
            found += _subscription_of(need(link, "invoice", dict))
    return list(dict.fromkeys(found))


async def locate_invoice(api: Api, invoice: str) -> list[str]:
    """Return the id of the subscription that an invoice is for; empty if it is for none."""
    return _subscription_of(await api.get(path("invoices", invoice)))


def _subscription_of(invoice: Answer) -> list[str]:
    found = invoice_subscription(invoice)
    return [] if found is None else [found]


async def locate(api: Api, subject: Subject) -> list[str]:
    """Return the ids of the subscriptions that the object in an event belongs to."""
    match subject.kind:
        case "subscription":
            return [subject.id]
        case "customer":
            return await _locate_customer(api, subject.id)
        case "invoice":
            return await locate_invoice(api, subject.id)
        case "payment_intent":
            return await locate_intent(api, subject.id)
        case "charge" | "refund" | "dispute":
            return await locate_payment(api, await api.get(path(f"{subject.kind}s", subject.id)))
        case "checkout.session":
            session = await api.get(path("checkout", "sessions", subject.id))
            made = maybe_id(session, "subscription")
            return [] if made is None else [made]
        case _:
            return []


async def _locate_customer(api: Api, customer: str) -> list[str]:
    """Return the ids of a customer's subscriptions.

    The list is empty for a deleted customer, whose subscriptions the ledger knows.
    """
    try:
        found = await api.every("subscriptions", customer=customer, status="all")
    except NotKnown:
        return []
    return [need(one, "id", str) for one in found]


async def needs_action(api: Api, subscription: Answer) -> bool:
    """Return True if the open invoice's payment waits for the customer to confirm it with their bank.

    The invoice must be expanded in `subscription`. Source: docs.stripe.com/billing/subscriptions/overview,
    2026-11.
    """
    if maybe(subscription, "status", str) not in ("incomplete", "past_due"):
        return False
    invoice = maybe(subscription, "latest_invoice", object)
    if not isinstance(invoice, dict) or maybe(invoice, "status", str) != "open":
        return False
    made = (maybe_id(one, "payment.payment_intent") for one in maybe(invoice, "payments.data", list) or [])
    for intent in made:
        if intent is not None:
            try:
                waits = maybe(await api.get(path("payment_intents", intent)), "status", str)
            except Refused:
                waits = None
            if waits == "requires_action":
                return True
    return False


async def fetch_last_payment(api: Api, subscription_id: str) -> Payment | None:
    """Return the payment of the newest paid invoice above zero; None if it was paid outside of Stripe."""
    for invoice in await api.first("invoices", subscription=subscription_id, status="paid"):
        if need(invoice, "amount_paid", int) > 0:
            return await _fetch_invoice_payment(api, invoice)
    return None


async def _fetch_invoice_payment(api: Api, invoice: Answer) -> Payment | None:
    paid_at = maybe(invoice, "status_transitions.paid_at", int) or need(invoice, "created", int)
    for link in await api.first("invoice_payments", invoice=need(invoice, "id", str), status="paid"):
        found = maybe_id(link, "payment.payment_intent") or maybe_id(link, "payment.charge")
        if found is not None:
            return await fetch_payment(api, found, paid_at)
    return None


async def fetch_payment(api: Api, payment_id: str, paid_at: int) -> Payment:
    """Fetch the current state of a payment.

    `payment_id`: the id of its PaymentIntent, or of its charge if it has none. `paid_at`: unix seconds.
    """
    if not payment_id.startswith("pi_"):
        return map_charge_payment(await api.get(path("charges", payment_id)), paid_at)
    intent = await api.get(path("payment_intents", payment_id), expand=["latest_charge"])
    charge = maybe(intent, "latest_charge", object)
    if isinstance(charge, str):
        return map_intent_payment(intent, await api.get(path("charges", charge)), paid_at)
    return map_intent_payment(intent, maybe(intent, "latest_charge", dict), paid_at)


async def refund(api: Api, payment: Payment, key: str) -> Payment:
    """Refund whatever is left of a payment and return the payment in its new state.

    The request names no amount: Stripe then refunds the rest, and a repeated request under the same key
    stays the same whatever was refunded in between. Raises ProviderRefused if Stripe cannot refund.
    """
    now = await fetch_payment(api, payment.id, payment.paid_at)
    if now.refundable.amount <= 0:
        return now
    named = {"payment_intent" if payment.id.startswith("pi_") else "charge": payment.id}
    try:
        answer = await api.post("refunds", key, **named)
    except Refused as refused:
        if refused.code != "charge_already_refunded":
            raise _translate_refusal(refused) from None
    else:
        if maybe(answer, "status", str) in ("failed", "canceled"):
            raise ProviderRefused(Text("error.stripe.refund_failed"))
    return await fetch_payment(api, payment.id, payment.paid_at)


def _translate_refusal(refused: Refused) -> ProviderError:
    if refused.code == "charge_disputed":
        return ProviderRefused(Text("error.stripe.disputed"), detail=str(refused))
    return refused
