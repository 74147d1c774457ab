"""PayPal's answers in our words: pure tables and functions. What is missing raises ProviderMisread."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from billing.errors import ProviderMisread
from billing.model import DisputeState, Item, Payment, Price, Status, Subscription, SubscriptionKey
from billing.ports import CheckoutFound
from providers.base import Answer, maybe, need
from providers.paypal.dates import after, day_of, moment, stamp

NAME = "paypal"
DAY = 86_400
# By so much the next payment may be due later than an interval after the last.
SHORT_MONTH = 2 * DAY
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

# Of PayPal's currencies, those that have no smaller unit in our amounts. It writes forints and new Taiwan
# dollars without decimals too, which makes no difference to a number.
_NO_DECIMALS = frozenset({"jpy"})


@dataclass(frozen=True, slots=True)
class Cycle:
    """A billing cycle of a plan: so many intervals at a price, over and over (`total` 0) or so often."""

    trial: bool
    sequence: int
    unit: str
    count: int
    total: int
    price: Answer | None
    tier: Answer | None = None  # the first amount of a price that goes by quantity

    @property
    def free(self) -> bool:
        """Whether nothing is charged for it."""
        nothing = self.price is None and self.tier is None
        return self.trial and (nothing or (self.price is not None and to_minor(self.price) == 0))


def to_minor(money: Answer) -> int:
    """An amount in our minor units: `value` is a decimal number as text."""
    currency = need(money, "currency_code", str).lower()
    try:
        value = Decimal(need(money, "value", str))
        digits = 0 if currency in _NO_DECIMALS else 2
        return int(value.scaleb(digits).quantize(Decimal(1), ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError):
        raise ProviderMisread(detail="an amount is no number") from None


def cycles_of(plan: Answer) -> list[Cycle]:
    """A plan's cycles in the order in which they run."""
    found = [_cycle(one) for one in need(plan, "billing_cycles", list)]
    return sorted(found, key=lambda cycle: cycle.sequence)


def _cycle(data: Any) -> Cycle:
    if not isinstance(data, dict):
        raise ProviderMisread(detail="plan.billing_cycles holds no objects")
    total, tiers = maybe(data, "total_cycles", int), maybe(data, "pricing_scheme.tiers", list)
    return Cycle(
        trial=need(data, "tenure_type", str) == "TRIAL",
        sequence=need(data, "sequence", int),
        unit=need(data, "frequency.interval_unit", str).lower(),
        count=maybe(data, "frequency.interval_count", int) or 1,
        total=1 if total is None else total,
        price=maybe(data, "pricing_scheme.fixed_price", dict),
        tier=maybe(tiers[0], "amount", dict) if tiers and isinstance(tiers[0], dict) else None,
    )


def map_price(plan: Answer, account: str, plan_id: str, product_id: str) -> Price:
    """What a plan costs once its trials are over. A price by quantity has no one amount."""
    cycles = cycles_of(plan)
    regular = regular_of(cycles)
    money = regular.price or regular.tier or {}
    return Price(
        provider=NAME,
        account=account,
        id=plan_id,
        product_id=product_id,
        amount=None if regular.price is None else to_minor(regular.price),
        currency=need(money, "currency_code", str).lower(),
        interval=regular.unit,
        interval_count=regular.count,
        trial_days=trial_days(cycles),
        active=maybe(plan, "status", str) in (None, "ACTIVE"),
    )


def product_of(plan: Answer, plan_id: str) -> str:
    """What the plan is a price of. The field is optional; a plan without it stands for itself."""
    return maybe(plan, "product_id", str) or plan_id


def regular_of(cycles: list[Cycle]) -> Cycle:
    """The one that goes on when trials are over."""
    found = next((cycle for cycle in cycles if not cycle.trial), None)
    if found is None:
        raise ProviderMisread(detail="plan.billing_cycles has no regular one")
    return found


def trial_days(cycles: list[Cycle]) -> int:
    """For how long a plan is free at first; 0 where its trial costs something."""
    return _after_free(0, cycles) // DAY


def _after_trials(start: int, cycles: list[Cycle]) -> int:
    """Where the regular cycle begins."""
    for cycle in cycles:
        if cycle.trial:
            start = after(start, cycle.unit, cycle.count * cycle.total)
    return start


def _after_free(start: int, cycles: list[Cycle]) -> int:
    """The end of the free cycles that a plan begins with."""
    for cycle in cycles:
        if not cycle.free:
            break
        start = after(start, cycle.unit, cycle.count * cycle.total)
    return start


@dataclass(frozen=True, slots=True)
class _Times:
    """When a subscription's running period began and ends, until when something was paid or promised, and
    whether that period is free."""

    start: int
    end: int
    paid_through: int
    free: bool


def map_subscription(data: Answer, plan: Answer, account: str, product_id: str, now: float) -> Subscription:
    """A subscription as the API answers it with `fields=last_failed_payment`, and its plan, which may be its
    own variant of the one that `plan_id` names."""
    raw = need(data, "status", str)
    plan_id = need(data, "plan_id", str)
    times = _times(data, cycles_of(plan), now)
    status = _status(raw, data, times)
    running = status in (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE)
    return Subscription(
        key=SubscriptionKey(NAME, account, need(data, "id", str)),
        customer_id=_customer(data, raw),
        status=status,
        provider_status=raw,
        items=(Item(map_price(plan, account, plan_id, product_id), _quantity(data)),),
        created_at=created_of(data),
        period_start=times.start if running or _payment_shown(data) else None,
        period_end=times.end if running else None,
        ended_at=_maybe_time(data, "status_update_time") if status is Status.ENDED else None,
        trial_end=times.end if status is Status.TRIALING else None,
        unpaid_since=_owed_since(data, times) if status is Status.PAST_DUE else None,
        paid_through=None if status is Status.PENDING else times.paid_through,
    )


def _payment_shown(data: Answer) -> bool:
    """Whether the subscription itself shows its last payment. One out of the list of transactions, which may
    lag behind, has no amount here: see `with_payment`."""
    return maybe(data, "billing_info.last_payment.amount", dict) is not None


def _customer(data: Answer, raw: str) -> str:
    """The payer's account; of a payer who is not named (the field is optional), one of their own."""
    nobody = "" if raw == "APPROVAL_PENDING" else need(data, "id", str)
    return maybe(data, "subscriber.payer_id", str) or nobody


def created_of(data: Answer) -> int:
    """PayPal's document calls `create_time` optional; without it the start has to do."""
    found = _maybe_time(data, "create_time")
    return _time(data, "start_time") if found is None else found


def _time(data: Answer, path: str) -> int:
    return moment(need(data, path, str))


def _maybe_time(data: Answer, path: str) -> int | None:
    found = maybe(data, path, str)
    return None if found is None else moment(found)


def _quantity(data: Answer) -> int:
    found = maybe(data, "quantity", str)
    try:
        return int(Decimal(found or "1")) or 1
    except (InvalidOperation, ValueError, OverflowError):
        raise ProviderMisread(detail="subscription.quantity is no number") from None


def _times(data: Answer, cycles: list[Cycle], now: float) -> _Times:
    """What is paid lasts from the last payment for one interval of the cycle that it paid; before the first
    payment the free time counts: until a later start, and through a free trial.

    Right after activation `next_billing_time` may still show the start (seen in live notifications), so one
    that lies within a day of the last payment is not believed. A later one ends the period sooner than an
    interval after the payment where that came late, and hardly later where a month is too short: what falls
    on the 30th may be taken on the 1st of March (developer.paypal.com/docs/paypal-payments-standard/
    integration-guide/subscription-billing-cycles, 2022-04).
    """
    last = _maybe_time(data, "billing_info.last_payment.time")
    due = _maybe_time(data, "billing_info.next_billing_time")
    start = _maybe_time(data, "start_time") or created_of(data)
    if last is None:
        begun, paid = start, _after_free(start, cycles)
    else:
        cycle = _running(data, cycles)
        begun, paid = last, after(last, cycle.unit, cycle.count, day_of(_after_trials(start, cycles)))
        paid = _as_due(paid, due, cycle.unit)
    believed = due is not None and due - begun > min(DAY, max(paid - begun, 0) // 2)
    end = due if due is not None and believed else paid
    free = last is None and now < end and (begun > now or paid > begun)
    return _Times(begun, end, min(end, paid), free)


def _as_due(paid: int, due: int | None, unit: str) -> int:
    """The end of what was paid, or when the next payment is due where that is hardly later."""
    late = due is not None and unit in ("month", "year") and paid < due <= paid + SHORT_MONTH
    return due if due is not None and late else paid


def lacks_payment(data: Answer, plan: Answer, now: float) -> bool:
    """Whether a payment was due and none is shown: `last_payment` is optional, so there may be one all the
    same, in the list of transactions."""
    if STATUS.get(need(data, "status", str)) in (None, Status.PENDING):
        return False
    times = _times(data, cycles_of(plan), now)
    return maybe(data, "billing_info.last_payment", dict) is None and not times.free


def with_payment(data: Answer, paid_at: int) -> Answer:
    """The same subscription with its last payment shown; a time in unix seconds."""
    shown = {**(maybe(data, "billing_info", dict) or {}), "last_payment": {"time": stamp(paid_at)}}
    return {**data, "billing_info": shown}


def _running(data: Answer, cycles: list[Cycle]) -> Cycle:
    """The cycle that was billed last; where PayPal does not say, the regular one."""
    billed = [
        need(one, "sequence", int)
        for one in maybe(data, "billing_info.cycle_executions", list) or []
        if need(one, "cycles_completed", int) > 0
    ]
    fitting = [cycle for cycle in cycles if billed and cycle.sequence == max(billed)]
    return fitting[0] if fitting else regular_of(cycles)


def _failed_at(data: Answer) -> int | None:
    """When a payment failed that was not made good since."""
    last = _maybe_time(data, "billing_info.last_payment.time")
    failed = _maybe_time(data, "billing_info.last_failed_payment.time")
    return failed if failed is not None and (last is None or failed > last) else None


def _owed_since(data: Answer, times: _Times) -> int | None:
    """When the payment fell due that failed. PayPal shows the last failure, which may be that of a further
    try: of one that came so soon after what was paid, the end of that counts."""
    failed = _failed_at(data)
    if failed is not None and DAY < failed - times.paid_through <= TRIES:
        return times.paid_through
    return failed


def _status(raw: str, data: Answer, times: _Times) -> Status:
    status, failed = STATUS.get(raw, Status.UNKNOWN), _failed_at(data)
    if status not in (Status.ACTIVE, Status.PAUSED):
        return status
    if failed is not None or (maybe(data, "billing_info.failed_payments_count", int) or 0) > 0:
        # Nothing was had before the very first payment, so there is nothing to keep for days of grace.
        never = maybe(data, "billing_info.last_payment", dict) is None
        at_once = failed is None or failed - created_of(data) < DAY
        return Status.PENDING if never and at_once else Status.PAST_DUE
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
    return _payment(need(data, "id", str), money, status, _time(data, "time")), status == "PARTIALLY_REFUNDED"


def map_capture(data: Answer) -> tuple[Payment, bool]:
    """A payment as version 2 of the API shows it, and whether a part of it was given back already."""
    status = need(data, "status", str)
    paid = _payment(need(data, "id", str), need(data, "amount", dict), status, _time(data, "create_time"))
    return paid, status == "PARTIALLY_REFUNDED"


def map_sale(data: Answer) -> tuple[Payment, bool]:
    """The same as version 1 shows it."""
    amount = need(data, "amount", dict)
    money = {"currency_code": need(amount, "currency", str), "value": need(amount, "total", str)}
    state = need(data, "state", str).upper()
    return (
        _payment(need(data, "id", str), money, state, _time(data, "create_time")),
        state == "PARTIALLY_REFUNDED",
    )


def _payment(payment_id: str, money: Answer, status: str, paid_at: int) -> Payment:
    amount = to_minor(money)
    refunded = amount if status == "REFUNDED" else 0
    return Payment(payment_id, amount, refunded, need(money, "currency_code", str).lower(), paid_at)
