"""Reads why a PayPal payment failed (`last_failed_payment`, Subscriptions API, 2026-11)."""

from __future__ import annotations

from billing.model import Money
from billing.model.translatable_text import Text
from billing.ports import Failure
from providers.base import Answer, maybe
from providers.paypal.amounts import currency_of, to_minor
from providers.paypal.periods import maybe_time

_REASONS = {
    "PAYMENT_DENIED": Text("error.paypal.payment_denied"),
    "INTERNAL_SERVER_ERROR": Text("error.paypal.internal_error"),
    "PAYEE_ACCOUNT_RESTRICTED": Text("error.paypal.seller_restricted"),
    "PAYER_ACCOUNT_RESTRICTED": Text("error.paypal.own_account_restricted"),
    "PAYER_CANNOT_PAY": Text("error.paypal.cannot_pay"),
    "SENDING_LIMIT_EXCEEDED": Text("error.paypal.sending_limit"),
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED": Text("error.paypal.receiving_limit"),
    "CURRENCY_MISMATCH": Text("error.paypal.currency_mismatch"),
}


def map_failure(data: Answer) -> Failure | None:
    """Return why the last payment failed; None if none failed.

    The subscription must have been fetched with `fields=last_failed_payment`.
    """
    failed = maybe(data, "billing_info.last_failed_payment", dict)
    if failed is None:
        return None
    money = maybe(failed, "amount", dict)
    amount = Money(to_minor(money), currency_of(money)) if money else None
    reason = _REASONS.get(maybe(failed, "reason_code", str) or "", "")
    return Failure(amount, reason, maybe_time(failed, "next_payment_retry_time"))
