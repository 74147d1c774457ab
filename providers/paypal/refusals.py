"""The texts for PayPal's refusals: what happened and what the person can do.

They cover the calls that the bot makes: developer.paypal.com/docs/api/subscriptions/v1 (create, cancel),
developer.paypal.com/api/payments/v2/errors and .../deprecated/payments/v1/errors (refund), 2026-11.
"""

from __future__ import annotations

from collections.abc import Collection

DISPUTED = (
    "The payer is already asking this payment back, through PayPal or their bank, so it cannot be refunded "
    "as well. Answer the case in PayPal's Resolution Center."
)
_SELLER = (
    "PayPal has locked, closed or restricted the seller's account, so it does nothing there. The server's "
    "admins find the reason in PayPal's Resolution Center."
)
_PAYER = (
    "PayPal has locked, closed or restricted the payer's account, so it does nothing there. The payer finds "
    "the reason in their account at PayPal."
)
_NO_MONEY = (
    "There is too little money in the seller's PayPal account to give this payment back. Add some, then "
    "refund the payment there."
)
_TOO_OLD = (
    "This payment is too old for PayPal to give it back. Send the member the money another way, or talk with "
    "them."
)
_NOT_THIS_ONE = (
    "PayPal does not give this payment back. Open it in the seller's PayPal account, which may name the "
    "reason, and agree with the member on another way."
)
_BY_HAND = "PayPal does not let the bot give this payment back. Refund it in the seller's PayPal account."

TEXTS = {
    "SUBSCRIPTION_STATUS_INVALID": (
        "PayPal does not do this as the subscription stands there, as while it is still being set up. Please "
        "look at /subscriptions and try again in a few minutes; if it stays, tell the server's admins."
    ),
    "USER_ACCOUNT_CLOSED": (
        "PayPal has locked or closed an account that this needs. Please look whether yours at PayPal is all "
        "right; if it is, tell the server's admins to look at theirs."
    ),
    "PLAN_STATUS_INVALID": "This plan is switched off at PayPal. Please tell the server's admins.",
    "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": _SELLER,
    "PAYEE_ACCOUNT_RESTRICTED": _SELLER,
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": _PAYER,
    "PAYER_ACCOUNT_RESTRICTED": _PAYER,
    "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED": DISPUTED,
    "TRANSACTION_DISPUTED": DISPUTED,
    "REFUND_NOT_PERMITTED": DISPUTED,
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": DISPUTED,
    "REFUND_FAILED_INSUFFICIENT_FUNDS": _NO_MONEY,
    "REFUND_FUNDS_NOT_AVAILABLE": _NO_MONEY,
    "REFUND_TIME_LIMIT_EXCEEDED": _TOO_OLD,
    "REFUND_TIME_EXCEEDED_FOR_PAYMENT_SOURCE": _TOO_OLD,
    "PENDING_CAPTURE": (
        "This payment is still on its way, as one from a bank account can be, so it cannot be given back "
        "yet. Refund it in the seller's PayPal account once it has arrived."
    ),
    "FULL_REFUND_NOT_ALLOWED_AFTER_PARTIAL_REFUND": _BY_HAND,
    "REFUND_IS_RESTRICTED": _BY_HAND,
    "MAX_NUMBER_OF_REFUNDS_EXCEEDED": _NOT_THIS_ONE,
    "REFUND_AMOUNT_TOO_LOW": _NOT_THIS_ONE,
    "REFUND_FAILED_BY_PAYMENT_SOURCE": _NOT_THIS_ONE,
    "REFUND_NOT_ALLOWED": _NOT_THIS_ONE,
    "REFUND_NOT_SUPPORTED_FOR_PAYMENT_SOURCE": _NOT_THIS_ONE,
    "REFUND_REFUSED_BY_PROCESSOR": _NOT_THIS_ONE,
    "REFUND_TRANSACTION_REFUSED": _NOT_THIS_ONE,
    "TRANSACTION_REFUSED": _NOT_THIS_ONE,
}


def text_for(issues: Collection[str]) -> str | None:
    """The text for the issues that PayPal named; None where none of them has a text."""
    return next((TEXTS[issue] for issue in sorted(issues) if issue in TEXTS), None)
