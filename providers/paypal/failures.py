"""Reads from PayPal why a payment failed (`last_failed_payment`, Subscriptions API, 2026-11)."""

from __future__ import annotations

from billing.model import Money
from billing.ports import Failure
from providers.base import Answer, maybe
from providers.paypal.amounts import currency_of, to_minor
from providers.paypal.periods import maybe_time

_REASONS = {
    "PAYMENT_DENIED": "The payment was declined.",
    "INTERNAL_SERVER_ERROR": "PayPal had a problem of its own.",
    "PAYEE_ACCOUNT_RESTRICTED": "The seller's PayPal account is restricted.",
    "PAYER_ACCOUNT_RESTRICTED": "Your PayPal account is restricted.",
    "PAYER_CANNOT_PAY": "Your PayPal account cannot make this payment.",
    "SENDING_LIMIT_EXCEEDED": "Your PayPal account has reached its sending limit.",
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED": "The seller's PayPal account has reached its receiving limit.",
    "CURRENCY_MISMATCH": "Your PayPal account cannot pay in this currency.",
}


def map_failure(data: Answer) -> Failure | None:
    """The failure in a subscription fetched with `fields=last_failed_payment`; None where none failed."""
    failed = maybe(data, "billing_info.last_failed_payment", dict)
    if failed is None:
        return None
    money = maybe(failed, "amount", dict)
    amount = Money(to_minor(money), currency_of(money)) if money else None
    reason = _REASONS.get(maybe(failed, "reason_code", str) or "", "")
    return Failure(amount, reason, maybe_time(failed, "next_payment_retry_time"))
