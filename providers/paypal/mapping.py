"""Maps PayPal's answers to the model, with tables and pure functions.

A missing field raises ProviderMisread.
"""

from __future__ import annotations

from dataclasses import replace

from billing.errors import ProviderMisread
from billing.model import DisputeState, Item, Payment, Price, Status, Subscription, SubscriptionKey
from billing.ports import CheckoutFound
from providers.base import Answer, maybe, need
from providers.paypal.amounts import currency_of, to_minor
from providers.paypal.billing_plans import DAY, NAME, Tariff, map_price, tariff_of
from providers.paypal.periods import (
    Times,
    created_of,
    failed_at,
    failures_of,
    maybe_time,
    need_time,
    payment_shown,
    quantity_of,
    terms_of,
    times_of,
)

# Seconds. PayPal retries a failed payment every five days, at most twice
# (developer.paypal.com/docs/subscriptions/customize/payment-failure-retry, 2026-11). One day is added,
# because the hour of the retry varies.
TRIES = 11 * DAY

# developer.paypal.com/docs/api/subscriptions/v1, `subscription_status`, 1.6. A status that is missing here
# maps to UNKNOWN. An unpaid amount turns ACTIVE and SUSPENDED into PAST_DUE; a free period turns ACTIVE
# into TRIALING.
STATUS: dict[str, Status] = {
    "APPROVAL_PENDING": Status.PENDING,
    "APPROVED": Status.PENDING,
    "ACTIVE": Status.ACTIVE,
    "SUSPENDED": Status.PAUSED,
    "CANCELLED": Status.ENDED,
    "EXPIRED": Status.ENDED,  # PayPal sets this at the last payment, not when its period ends
}

# developer.paypal.com/docs/api/customer-disputes/v1, 2026-11: `status`, and once RESOLVED `outcome_code`.
DISPUTES: dict[str, DisputeState] = {
    "OPEN": DisputeState.OPEN,
    "WAITING_FOR_BUYER_RESPONSE": DisputeState.OPEN,
    "WAITING_FOR_SELLER_RESPONSE": DisputeState.OPEN,
    "UNDER_REVIEW": DisputeState.OPEN,
    "OTHER": DisputeState.OPEN,
    "RESOLVED_BUYER_FAVOUR": DisputeState.LOST,
    "RESOLVED_SELLER_FAVOUR": DisputeState.WON,
    "RESOLVED_WITH_PAYOUT": DisputeState.WON,  # PayPal itself paid the buyer
    "CANCELED_BY_BUYER": DisputeState.WON,
    "ACCEPTED": DisputeState.LOST,
    "DENIED": DisputeState.WON,
    "NONE": DisputeState.NONE,  # closed in favour of another dispute about the same payment
}


def map_subscription(data: Answer, plan: Answer, account: str, product_id: str, now: float) -> Subscription:
    """Map a subscription fetched with `fields=last_failed_payment`.

    `plan`: the subscription's plan, or its own variant of that plan. `now`: unix seconds.
    """
    raw = need(data, "status", str)
    plan_id = need(data, "plan_id", str)
    tariff = tariff_of(plan)
    times = times_of(data, tariff, now)
    status = _status(raw, data, tariff, times)
    running = status in (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE)
    terms = terms_of(data, tariff)
    return Subscription(
        key=SubscriptionKey(NAME, account, need(data, "id", str)),
        customer_id=_customer(data, raw),
        status=status,
        provider_status=raw,
        items=(Item(_price(plan, account, plan_id, product_id), quantity_of(data)),),
        created_at=created_of(data),
        period_start=times.start if running or payment_shown(data) else None,
        period_end=times.end if running else None,
        ends_at=times.end if terms.complete and status is Status.ACTIVE else None,
        ended_at=maybe_time(data, "status_update_time") if status is Status.ENDED else None,
        trial_end=times.end if status is Status.TRIALING else None,
        unpaid_since=_owed_since(data, times) if status is Status.PAST_DUE else None,
        paid_through=None if status is Status.PENDING else times.paid_through,
        terms=terms,
        counts_anew=times.uncounted,
    )


def _price(plan: Answer, account: str, plan_id: str, product_id: str) -> Price:
    """Return the regular price, without set-up fee and trial prices.

    The fee and the trial prices are part of the subscription's own terms.
    """
    return replace(map_price(plan, account, plan_id, product_id), setup_fee=0, steps=())


def _customer(data: Answer, raw: str) -> str:
    """Return the payer's account id, or the subscription's id if the answer lacks this optional field."""
    nobody = "" if raw == "APPROVAL_PENDING" else need(data, "id", str)
    return maybe(data, "subscriber.payer_id", str) or nobody


def lacks_payment(data: Answer, plan: Answer, now: float) -> bool:
    """Return True if a payment was due but the answer shows none.

    `last_payment` is an optional field, so the list of transactions may still contain the payment.
    """
    if STATUS.get(need(data, "status", str)) in (None, Status.PENDING):
        return False
    times = times_of(data, tariff_of(plan), now)
    return maybe(data, "billing_info.last_payment", dict) is None and not times.free


def _owed_since(data: Answer, times: Times) -> int | None:
    """Return when the failed payment fell due, in unix seconds; None if nothing is owed.

    PayPal shows the last failure, which may be that of a retry. If it lies within the retry period after the
    paid period, the end of the paid period is returned.
    """
    failed = failed_at(data)
    if failed is not None and DAY < failed - times.paid_through <= TRIES:
        return times.paid_through
    return failed


def _status(raw: str, data: Answer, tariff: Tariff, times: Times) -> Status:
    status, failed = STATUS.get(raw, Status.UNKNOWN), failed_at(data)
    if status not in (Status.ACTIVE, Status.PAUSED):
        return status
    if failed is not None or failures_of(data) > 0:
        # A subscription whose first period was never paid gives no access, so it gets no grace either. A
        # set-up fee does not pay for a period.
        at_once = (failed is None or failed - created_of(data) < DAY) and not tariff.cycles[0].free
        return Status.PENDING if times.cycle is None and at_once else Status.PAST_DUE
    return Status.TRIALING if status is Status.ACTIVE and times.free else status


def map_checkout(data: Answer) -> CheckoutFound:
    """Map a checkout, which at PayPal is an approval page and a subscription in one object."""
    subscription_id = need(data, "id", str)
    return CheckoutFound(
        session_id=subscription_id,
        checkout_id=maybe(data, "custom_id", str),
        subscription_id=subscription_id,
        customer_id=maybe(data, "subscriber.payer_id", str),
    )


def map_dispute(data: Answer) -> DisputeState:
    """Return a dispute's state.

    An unknown status raises ProviderMisread, so that nobody loses access because of it.
    """
    raw = need(data, "status", str)
    if raw == "RESOLVED":
        raw = need(data, "dispute_outcome.outcome_code", str)
    if raw not in DISPUTES:
        raise ProviderMisread(detail=f"dispute.status is {raw}")
    return DISPUTES[raw]


# The statuses of payments that were made. A declined or pending payment cannot be refunded.
_PAID = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")


def map_transaction(data: Answer) -> tuple[Payment, bool] | None:
    """Map a payment from a subscription's list of transactions, and tell whether it was partly refunded.

    Returns None if the payment was not made or its amount is not above zero.
    """
    status = need(data, "status", str)
    if status not in _PAID:
        return None
    money = need(data, "amount_with_breakdown.gross_amount", dict)
    if to_minor(money) <= 0:
        return None
    return _payment(
        need(data, "id", str), money, status, need_time(data, "time")
    ), status == "PARTIALLY_REFUNDED"


def map_capture(data: Answer) -> tuple[Payment, bool]:
    """Map a payment of API version 2, and tell whether it was partly refunded."""
    status = need(data, "status", str)
    paid = _payment(need(data, "id", str), need(data, "amount", dict), status, need_time(data, "create_time"))
    return paid, status == "PARTIALLY_REFUNDED"


def map_sale(data: Answer) -> tuple[Payment, bool]:
    """Map a payment of API version 1, and tell whether it was partly refunded."""
    amount = need(data, "amount", dict)
    money = {"currency_code": need(amount, "currency", str), "value": need(amount, "total", str)}
    state = need(data, "state", str).upper()
    return (
        _payment(need(data, "id", str), money, state, need_time(data, "create_time")),
        state == "PARTIALLY_REFUNDED",
    )


def _payment(payment_id: str, money: Answer, status: str, paid_at: int) -> Payment:
    amount = to_minor(money)
    refunded = amount if status == "REFUNDED" else 0
    return Payment(payment_id, amount, refunded, currency_of(money), paid_at)
