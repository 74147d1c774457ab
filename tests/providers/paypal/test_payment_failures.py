"""The adapter reads a failed payment as PayPal's Subscriptions API shows it."""

from __future__ import annotations

from billing.model import Money
from billing.model.translatable_text import Text
from billing.ports import Failure
from providers.paypal.payment_failures import map_failure

FAILED = {
    "amount": {"currency_code": "EUR", "value": "5.00"},
    "time": "2026-11-30T10:00:00Z",
    "reason_code": "PAYER_CANNOT_PAY",
    "next_payment_retry_time": "2026-12-05T10:00:00Z",
}


def test_a_failed_payment_has_amount_reason_and_next_try() -> None:
    said = map_failure({"billing_info": {"last_failed_payment": FAILED}})
    reason = Text("error.paypal.cannot_pay")
    assert said == Failure(Money(500, "eur"), reason, 1_796_464_800)


def test_an_unknown_reason_of_a_failed_payment_is_left_out() -> None:
    failed = {"amount": FAILED["amount"], "time": FAILED["time"], "reason_code": "SOMETHING_NEW"}
    assert map_failure({"billing_info": {"last_failed_payment": failed}}) == Failure(Money(500, "eur"))


def test_a_subscription_without_a_failed_payment_has_no_failure() -> None:
    assert map_failure({"billing_info": {}}) is None
