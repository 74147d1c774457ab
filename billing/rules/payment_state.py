"""Sorts subscriptions into the few payment states that admins can filter by. Pure."""

from __future__ import annotations

from enum import StrEnum

from billing.model import Status


class PaymentState(StrEnum):
    """The payment state of a subscription."""

    ACTIVE = "active"
    TRIAL = "trial"
    OVERDUE = "overdue"  # a payment failed, and the grace period runs
    UNPAID = "unpaid"  # a payment failed, and the grace period is over
    OTHER = "other"  # paused, not yet paid for the first time, or unknown
    ENDED = "ended"


def payment_state(status: Status, unpaid_since: int | None, now: int, grace: int) -> PaymentState:
    """Return the payment state of a subscription at the moment `now`.

    `unpaid_since`, `grace`: as in Subscription and Ports.
    """
    match status:
        case Status.ACTIVE:
            return PaymentState.ACTIVE
        case Status.TRIALING:
            return PaymentState.TRIAL
        case Status.PAST_DUE if unpaid_since is None or now < unpaid_since + grace:
            return PaymentState.OVERDUE
        case Status.PAST_DUE | Status.UNPAID:
            return PaymentState.UNPAID
        case Status.ENDED:
            return PaymentState.ENDED
        case _:
            return PaymentState.OTHER
