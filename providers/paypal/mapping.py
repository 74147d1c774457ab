"""PayPal's answers in our words: pure tables and functions. What is missing raises ProviderMisread."""

from __future__ import annotations

from dataclasses import replace

from billing.errors import ProviderMisread
from billing.model import DisputeState, Item, Payment, Price, Status, Subscription, SubscriptionKey
from billing.ports import CheckoutFound
from providers.base import Answer, maybe, need
from providers.paypal.amounts import currency_of, to_minor
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
from providers.paypal.plans import DAY, NAME, Tariff, map_price, tariff_of

# A payment that failed is tried again every five days, twice at most (developer.paypal.com/docs/
# subscriptions/customize/payment-failure-retry, 2026-11); a day more, as PayPal acts at its own hour.
TRIES = 11 * DAY

# developer.paypal.com/docs/api/subscriptions/v1, `subscription_status`, 1.6. A status that is not here is
# UNKNOWN. What is owed makes PAST_DUE of ACTIVE and SUSPENDED, and a free period TRIALING of ACTIVE.
STATUS: dict[str, Status] = {
    "APPROVAL_PENDING": Status.PENDING,
    "APPROVED": Status.PENDING,
    "ACTIVE": Status.ACTIVE,
    "SUSPENDED": Status.PAUSED,
    "CANCELLED": Status.ENDED,
    "EXPIRED": Status.ENDED,  # comes with the last payment, not at the end of what it pays for
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
    "NONE": DisputeState.NONE,  # closed for another dispute about the same payment
}


def map_subscription(data: Answer, plan: Answer, account: str, product_id: str, now: float) -> Subscription:
    """A subscription as the API answers it with `fields=last_failed_payment`, and its plan, which may be its
    own variant of the one that `plan_id` names."""
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
    """What is charged beside it stands in the subscription's own terms."""
    return replace(map_price(plan, account, plan_id, product_id), setup_fee=0, steps=())


def _customer(data: Answer, raw: str) -> str:
    """The payer's account; of a payer who is not named (the field is optional), one of their own."""
    nobody = "" if raw == "APPROVAL_PENDING" else need(data, "id", str)
    return maybe(data, "subscriber.payer_id", str) or nobody


def lacks_payment(data: Answer, plan: Answer, now: float) -> bool:
    """Whether a payment was due and none is shown: `last_payment` is optional, so there may be one all the
    same, in the list of transactions."""
    if STATUS.get(need(data, "status", str)) in (None, Status.PENDING):
        return False
    times = times_of(data, tariff_of(plan), now)
    return maybe(data, "billing_info.last_payment", dict) is None and not times.free


def _owed_since(data: Answer, times: Times) -> int | None:
    """When the payment fell due that failed. PayPal shows the last failure, which may be that of a further
    try: of one that came so soon after what was paid, the end of that counts."""
    failed = failed_at(data)
    if failed is not None and DAY < failed - times.paid_through <= TRIES:
        return times.paid_through
    return failed


def _status(raw: str, data: Answer, tariff: Tariff, times: Times) -> Status:
    status, failed = STATUS.get(raw, Status.UNKNOWN), failed_at(data)
    if status not in (Status.ACTIVE, Status.PAUSED):
        return status
    if failed is not None or failures_of(data) > 0:
        # Nothing was had before the very first payment of a period, so there is nothing to keep for days of
        # grace; a set-up fee is no such payment.
        at_once = (failed is None or failed - created_of(data) < DAY) and not tariff.cycles[0].free
        return Status.PENDING if times.cycle is None and at_once else Status.PAST_DUE
    return Status.TRIALING if status is Status.ACTIVE and times.free else status


def map_checkout(data: Answer) -> CheckoutFound:
    """The page to agree on and the subscription are one object at PayPal."""
    subscription_id = need(data, "id", str)
    return CheckoutFound(
        session_id=subscription_id,
        checkout_id=maybe(data, "custom_id", str),
        subscription_id=subscription_id,
        customer_id=maybe(data, "subscriber.payer_id", str),
    )


def map_dispute(data: Answer) -> DisputeState:
    """Where a dispute stands; what is not in the table is no reason to take anything away."""
    raw = need(data, "status", str)
    if raw == "RESOLVED":
        raw = need(data, "dispute_outcome.outcome_code", str)
    if raw not in DISPUTES:
        raise ProviderMisread(detail=f"dispute.status is {raw}")
    return DISPUTES[raw]


# What a payment's status says of it: of a declined or pending one nothing can be given back.
_PAID = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")


def map_transaction(data: Answer) -> tuple[Payment, bool] | None:
    """A payment out of a subscription's list, and whether a part of it was given back already; None for one
    that was not made, or of nothing."""
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
    """A payment as version 2 of the API shows it, and whether a part of it was given back already."""
    status = need(data, "status", str)
    paid = _payment(need(data, "id", str), need(data, "amount", dict), status, need_time(data, "create_time"))
    return paid, status == "PARTIALLY_REFUNDED"


def map_sale(data: Answer) -> tuple[Payment, bool]:
    """The same as version 1 shows it."""
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
