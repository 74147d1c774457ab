"""Reads why a Stripe payment failed, from the newest open invoice of a subscription."""

from __future__ import annotations

from billing.model import Money
from billing.ports import Failure
from providers.base import Answer, maybe, need
from providers.stripe.api import Api, path
from providers.stripe.mapping import maybe_id


async def fetch_failure(api: Api, subscription_id: str) -> Failure | None:
    """Return why the newest open invoice was not paid; None if no invoice is open."""
    for invoice in await api.first("invoices", subscription=subscription_id, status="open"):
        amount = Money(need(invoice, "amount_remaining", int), need(invoice, "currency", str))
        return Failure(amount, await _reason(api, invoice), maybe(invoice, "next_payment_attempt", int))
    return None


async def _reason(api: Api, invoice: Answer) -> str:
    """Return Stripe's message for the customer, such as 'Your card has insufficient funds.', or ''."""
    for link in await api.first("invoice_payments", invoice=need(invoice, "id", str)):
        intent_id = maybe_id(link, "payment.payment_intent")
        if intent_id is not None:
            intent = await api.get(path("payment_intents", intent_id))
            return maybe(intent, "last_payment_error.message", str) or ""
    return maybe(invoice, "last_finalization_error.message", str) or ""
