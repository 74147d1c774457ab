"""Texts for PayPal's refusals, which say what happened and what the person can do.

They cover the calls that the bot makes: developer.paypal.com/docs/api/subscriptions/v1 (create, cancel),
developer.paypal.com/api/payments/v2/errors and .../deprecated/payments/v1/errors (refund), 2026-11.
"""

from __future__ import annotations

from collections.abc import Collection

from billing.model.translatable_text import Text

DISPUTED = Text("error.paypal.disputed")
_SELLER = Text("error.paypal.seller_locked")
_CUSTOMER = Text("error.paypal.customer_locked")
_NO_MONEY = Text("error.paypal.no_money")
_TOO_OLD = Text("error.paypal.too_old")
_NOT_REFUNDABLE = Text("error.paypal.not_refundable")
_BY_HAND = Text("error.paypal.refund_by_hand")

TEXTS = {
    "SUBSCRIPTION_STATUS_INVALID": Text("error.paypal.not_in_this_state"),
    "USER_ACCOUNT_CLOSED": Text("error.paypal.account_closed"),
    "PLAN_STATUS_INVALID": Text("error.paypal.plan_off"),
    "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": _SELLER,
    "PAYEE_ACCOUNT_RESTRICTED": _SELLER,
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": _CUSTOMER,
    "PAYER_ACCOUNT_RESTRICTED": _CUSTOMER,
    "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED": DISPUTED,
    "TRANSACTION_DISPUTED": DISPUTED,
    "REFUND_NOT_PERMITTED": DISPUTED,
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": DISPUTED,
    "REFUND_FAILED_INSUFFICIENT_FUNDS": _NO_MONEY,
    "REFUND_FUNDS_NOT_AVAILABLE": _NO_MONEY,
    "REFUND_TIME_LIMIT_EXCEEDED": _TOO_OLD,
    "REFUND_TIME_EXCEEDED_FOR_PAYMENT_SOURCE": _TOO_OLD,
    "PENDING_CAPTURE": Text("error.paypal.payment_pending"),
    "FULL_REFUND_NOT_ALLOWED_AFTER_PARTIAL_REFUND": _BY_HAND,
    "REFUND_IS_RESTRICTED": _BY_HAND,
    "MAX_NUMBER_OF_REFUNDS_EXCEEDED": _NOT_REFUNDABLE,
    "REFUND_AMOUNT_TOO_LOW": _NOT_REFUNDABLE,
    "REFUND_FAILED_BY_PAYMENT_SOURCE": _NOT_REFUNDABLE,
    "REFUND_NOT_ALLOWED": _NOT_REFUNDABLE,
    "REFUND_NOT_SUPPORTED_FOR_PAYMENT_SOURCE": _NOT_REFUNDABLE,
    "REFUND_REFUSED_BY_PROCESSOR": _NOT_REFUNDABLE,
    "REFUND_TRANSACTION_REFUSED": _NOT_REFUNDABLE,
    "TRANSACTION_REFUSED": _NOT_REFUNDABLE,
}


def text_for(issues: Collection[str]) -> Text | None:
    """Return the text for the issues that PayPal named; None if there is no text for any of them."""
    return next((TEXTS[issue] for issue in sorted(issues) if issue in TEXTS), None)
