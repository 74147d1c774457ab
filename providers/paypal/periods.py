"""Works out until when a PayPal subscription is paid or free, from the fields that PayPal shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import InvalidOperation

from billing.errors import ProviderMisread
from billing.model import PLAIN, Payment, Step, Terms
from providers.base import Answer, maybe, need
from providers.paypal.amounts import parse_decimal, to_minor
from providers.paypal.billing_plans import DAY, Cycle, Tariff, after_free, after_trials
from providers.paypal.dates import after, day_of, moment, stamp

# How many seconds later than one interval after the last payment the next one may be due.
SHORT_MONTH = 2 * DAY


@dataclass(frozen=True, slots=True)
class Times:
    """The current period of a subscription, in unix seconds.

    `paid_through`: the time until which the subscription is paid or free. `free`: True during a free
    period. `cycle`: the last paid cycle, None before any. `uncounted`: True if a payment was made but
    PayPal counts none for the current plan, so it may have been for another plan.
    """

    start: int
    end: int
    paid_through: int
    free: bool
    cycle: Cycle | None
    uncounted: bool


def times_of(data: Answer, tariff: Tariff, now: float) -> Times:
    """Work out the current period of a subscription. `now`: unix seconds.

    A payment pays for one interval of its cycle, which begins with the payment. Before the first payment the
    free time counts: until a later start, and through a free trial.

    Right after activation `next_billing_time` may still show the start (seen in live notifications), so a
    time within a day of the last payment is ignored. Any later time is the end of the period. It is earlier
    than one interval after a late payment, and a little later if a month is too short: a payment due on the
    30th may be taken on 1 March
    (developer.paypal.com/docs/paypal-payments-standard/integration-guide/subscription-billing-cycles,
    2022-04).
    """
    due = maybe_time(data, "billing_info.next_billing_time")
    start = _start(data)
    cycle = _paid_cycle(data, tariff)
    if cycle is None:
        begun, paid = start, after_free(start, tariff.cycles)
    else:
        begun = need_time(data, "billing_info.last_payment.time")
        paid = after(begun, cycle.unit, cycle.count, day_of(after_trials(start, tariff.cycles)))
        paid = _as_due(_with_free_after(paid, cycle, tariff, data), due, cycle.unit)
    believed = due is not None and due - begun > min(DAY, max(paid - begun, 0) // 2)
    end = due if due is not None and believed else paid
    free = cycle is None and now < end and (begun > now or paid > begun)
    uncounted = _is_uncounted(data, tariff)
    if uncounted:
        begun = max(begun, need_time(data, "billing_info.last_payment.time"))
    return Times(begun, end, min(end, paid), free, cycle, uncounted)


def _start(data: Answer) -> int:
    found = maybe_time(data, "start_time")
    return created_of(data) if found is None else found


def _paid_cycle(data: Answer, tariff: Tariff) -> Cycle | None:
    """Return the cycle that the last payment paid for; None if nothing, or only the set-up fee, was paid.

    PayPal takes the fee at once and bills the first cycle hours later. Until then `last_payment` is the
    fee, and `cycles_completed` is 0 for every cycle that costs something. A free cycle counts from its
    beginning.
    """
    if maybe(data, "billing_info.last_payment", dict) is None:
        return None
    done = completed_of(data)
    billed = [cycle for cycle in tariff.paid if done.get(cycle.sequence)]
    if not done:  # PayPal omits the counts
        return None if tariff.fee and _is_fee(data, tariff, tariff.regular) else tariff.regular
    if not billed:
        fee = bool(tariff.fee) and _amount(data) in (None, tariff.fee, tariff.taxed(tariff.fee))
        return tariff.paid[0] if not fee and _counts_late(data, tariff, tariff.paid[0]) else None
    failing = failed_at(data) is not None or failures_of(data) > 0
    return None if tariff.fee and failing and _is_fee(data, tariff, billed[-1]) else billed[-1]


def _is_uncounted(data: Answer, tariff: Tariff) -> bool:
    done, last = completed_of(data), maybe_time(data, "billing_info.last_payment.time")
    return bool(done) and last is not None and not any(done.get(cycle.sequence) for cycle in tariff.paid)


def completed_of(data: Answer) -> Mapping[int, int]:
    """Return how often each cycle was billed, by its sequence; empty if PayPal omits the counts."""
    return {
        need(one, "sequence", int): need(one, "cycles_completed", int)
        for one in maybe(data, "billing_info.cycle_executions", list) or []
    }


def _is_fee(data: Answer, tariff: Tariff, cycle: Cycle) -> bool:
    """Return True if the last payment was only the set-up fee.

    PayPal may nevertheless count a cycle, whose payment failed. The amount decides, or the time of the
    payment if the fee and the cycle cost the same.
    """
    amount = _amount(data)
    if amount not in (tariff.fee, tariff.taxed(tariff.fee)):
        return False
    if amount != tariff.charge(cycle, quantity_of(data), shipping_of(data)):
        return True
    last, failed = need_time(data, "billing_info.last_payment.time"), failed_at(data)
    early = last < after_free(_start(data), tariff.cycles) - DAY
    return early or (failed is not None and failed - last < DAY and sum(completed_of(data).values()) == 1)


def _counts_late(data: Answer, tariff: Tariff, cycle: Cycle) -> bool:
    """Return True if a payment was for a cycle that PayPal has not counted.

    PayPal may count a cycle minutes later (github.com/paypal/paypal-checkout-components/issues/1383), and
    it starts counting again after a change of plan.
    """
    amount, charge = _amount(data), tariff.charge(cycle, quantity_of(data), shipping_of(data))
    if amount is None or charge is None or amount >= charge:
        return True
    due = maybe_time(data, "billing_info.next_billing_time")
    return due is not None and due > after_free(_start(data), tariff.cycles) + DAY


def _with_free_after(paid: int, cycle: Cycle, tariff: Tariff, data: Answer) -> int:
    """Return the end of the paid time plus the free cycles after it, as far as PayPal has counted them."""
    done = completed_of(data)
    for later in tariff.cycles:
        if later.free and later.sequence > cycle.sequence:
            paid = after(paid, later.unit, later.count * done.get(later.sequence, 0))
    return paid


def _as_due(paid: int, due: int | None, unit: str) -> int:
    """Return the end of the paid time, or the next due date if that is at most SHORT_MONTH later."""
    late = due is not None and unit in ("month", "year") and paid < due <= paid + SHORT_MONTH
    return due if due is not None and late else paid


def with_payment(data: Answer, payment: Payment) -> Answer:
    """Return the subscription with its last payment added from the list of transactions.

    The amount is stored as `listed`, so that `payment_shown` can tell it from a payment that PayPal itself
    shows.
    """
    digits = 0 if payment.currency == "jpy" else 2
    gross = {"currency_code": payment.currency, "value": f"{payment.amount / 10**digits:.{digits}f}"}
    listed = {"time": stamp(payment.paid_at), "listed": gross}
    return {**data, "billing_info": {**(maybe(data, "billing_info", dict) or {}), "last_payment": listed}}


def payment_shown(data: Answer) -> bool:
    """Return True if the subscription itself shows its last payment.

    The list of transactions may lag behind and still show an earlier payment.
    """
    return maybe(data, "billing_info.last_payment.amount", dict) is not None


def _amount(data: Answer) -> int | None:
    last = "billing_info.last_payment"
    money = maybe(data, f"{last}.amount", dict) or maybe(data, f"{last}.listed", dict)
    return None if money is None else to_minor(money)


def quantity_of(data: Answer) -> int:
    """Return the quantity that was bought; 1 if PayPal omits it."""
    try:
        return int(parse_decimal(maybe(data, "quantity", str) or "1", "subscription.quantity")) or 1
    except (InvalidOperation, ValueError, OverflowError):
        raise ProviderMisread(detail="subscription.quantity is no number") from None


def shipping_of(data: Answer) -> int:
    """Return the shipping amount, in minor units, that is added to every paid cycle."""
    money = maybe(data, "shipping_amount", dict)
    return 0 if money is None else to_minor(money)


def failed_at(data: Answer) -> int | None:
    """Return when the last payment failed, in unix seconds.

    None if none failed since the last successful one.
    """
    last = maybe_time(data, "billing_info.last_payment.time")
    failed = maybe_time(data, "billing_info.last_failed_payment.time")
    return failed if failed is not None and (last is None or failed > last) else None


def terms_of(data: Answer, tariff: Tariff) -> Terms:
    """Return the charges from the next payment on; PLAIN if each is simply the price times the quantity.

    PayPal takes an outstanding balance with the next payment unless the plan says otherwise.
    """
    quantity, shipping = quantity_of(data), shipping_of(data)
    steps = tariff.steps(quantity, shipping, completed_of(data))
    owed = maybe(data, "billing_info.outstanding_balance", dict)
    owing = to_minor(owed) if owed is not None and tariff.bills_owed else 0
    if owing > 0 and steps:
        first, *rest = steps
        again = () if first.times == 1 else (replace(first, times=first.times and first.times - 1),)
        steps = (Step(first.amount + owing, 1), *again, *rest)
    if owing <= 0 and tariff.is_complete(completed_of(data)):
        return Terms(complete=True)
    plain = tariff.regular.price is None or steps == (Step(to_minor(tariff.regular.price) * quantity),)
    return PLAIN if plain else Terms(steps=steps)


def failures_of(data: Answer) -> int:
    """Return the number of payments that failed since the last successful one."""
    return maybe(data, "billing_info.failed_payments_count", int) or 0


def created_of(data: Answer) -> int:
    """Return when the subscription was created, in unix seconds; its start if PayPal omits `create_time`."""
    found = maybe_time(data, "create_time")
    return need_time(data, "start_time") if found is None else found


def need_time(data: Answer, path: str) -> int:
    """Return the time at a dotted path, in unix seconds. Raises ProviderMisread if it is absent."""
    return moment(need(data, path, str))


def maybe_time(data: Answer, path: str) -> int | None:
    """Return the time at a dotted path, in unix seconds; None if it is absent."""
    found = maybe(data, path, str)
    return None if found is None else moment(found)
