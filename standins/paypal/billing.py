"""The life of a PayPal subscription: periods, payments, failed payments and the end.

Retries and the threshold: developer.paypal.com, "Payment failures and recovering balances" (read 2026-11). A
failed payment is tried again every five days, up to twice in a period. Then it counts as failed, and the
amount due is added to the outstanding balance. EXPIRED comes with the last payment, not at the end of the
period that it pays for (PayPal-PHP-SDK issue 192).
"""

from __future__ import annotations

from decimal import Decimal

from standins.paypal import payments
from standins.paypal.money import money
from standins.paypal.state import DAY, Obj, Subscription, World
from standins.paypal.subscription_terms import (
    amount_of,
    currency,
    current_cycle,
    fee_of,
    period_end,
    plan_of,
    show,
)
from standins.paypal.times import billing_day, stamp

EVENT = "BILLING.SUBSCRIPTION."
OVER = ("CANCELLED", "EXPIRED")


def tell(world: World, subscription: Subscription, kind: str, summary: str, extra: str = "") -> Obj:
    """Emit an event about a subscription, and return it.

    `kind`: its name without BILLING.SUBSCRIPTION., or the full name.
    """
    name = kind if kind.startswith("BILLING") else EVENT + kind
    return world.emit(name, "subscription", summary, show(world, subscription, extra))


def set_status(world: World, subscription: Subscription, status: str, note: str | None = None) -> None:
    subscription.status, subscription.note = status, note
    subscription.changed = subscription.updated = world.now()


def begin(world: World, subscription: Subscription) -> None:
    """Activate a subscription that the buyer approved; the merchant may also activate it later."""
    now = world.now()
    set_status(world, subscription, "ACTIVE")
    subscription.activated = now
    subscription.start = max(subscription.start, now)
    subscription.next_at = subscription.start
    if fee := fee_of(plan_of(world, subscription)):
        subscription.next_at = max(subscription.start, now + world.settings.fee_first_seconds)
    if fee and not _take_setup_fee(world, subscription, fee):
        end(world, subscription, "CANCELLED", "The set-up fee could not be taken.")
        return
    events: list[payments.Payment] = []
    if subscription.next_at <= now:
        events = _bill(world, subscription)
    tell(world, subscription, "ACTIVATED", "Subscription activated")
    _report(world, subscription, events)


def _take_setup_fee(world: World, subscription: Subscription, fee: Decimal) -> bool:
    """Charge the set-up fee.

    Returns False if the subscription must end because the charge failed.
    """
    paid = payments.charge(world, subscription, fee)
    if paid.good:
        subscription.last_payment = (fee, world.now())
        payments.tell_sale(world, paid.sale)
        return True
    subscription.outstanding += fee
    preferences = plan_of(world, subscription)["payment_preferences"]
    return bool(preferences["setup_fee_failure_action"] == "CONTINUE")


def renew(world: World, subscription: Subscription) -> None:
    """Begin the next period: bill it and report the outcome."""
    _report(world, subscription, _bill(world, subscription))


def _bill(world: World, subscription: Subscription) -> list[payments.Payment]:
    """Begin the next period and charge what is due; return the payments without emitting their events."""
    found, plan = subscription, plan_of(world, subscription)
    cycle = current_cycle(plan, found.cycles)
    if cycle is None or found.next_at is None:
        return []
    billed = found.cycles.get(cycle["sequence"], 0)
    if billed == 0:
        found.anchor, found.periods = billing_day(found.next_at), 0
    found.cycles[cycle["sequence"]] = billed + 1
    found.periods += 1
    more = current_cycle(plan, found.cycles) is not None
    found.next_at = period_end(found.anchor, cycle, found.periods) if more else None
    found.due, found.tries = amount_of(plan, found, cycle), 0
    if plan["payment_preferences"]["auto_bill_outstanding"]:
        found.due += found.outstanding
    return [_take(world, found)] if found.due else []


def retry(world: World, subscription: Subscription) -> None:
    subscription.retry_at = None
    subscription.tries += 1
    _report(world, subscription, [_take(world, subscription)])


def _take(world: World, subscription: Subscription) -> payments.Payment:
    found = subscription
    payment = payments.charge(world, found, found.due)
    if payment.good:
        found.last_payment, found.last_failed = (found.due, world.now()), None
        if plan_of(world, found)["payment_preferences"]["auto_bill_outstanding"]:
            found.outstanding = Decimal(0)
        found.failed, found.tries, found.due = 0, 0, Decimal(0)
        return payment
    found.retry_at = _next_try(world, found)
    code = currency(world, found)
    found.last_failed = {"amount": money(found.due, code), "time": stamp(world.now())}
    found.last_failed["reason_code"] = "PAYMENT_DENIED"
    if found.retry_at:
        found.last_failed["next_payment_retry_time"] = stamp(found.retry_at)
    else:
        _count_failure(world, found)
    return payment


def _next_try(world: World, subscription: Subscription) -> int | None:
    """Return the time of the next retry, in unix seconds.

    None if no retries are left or the next period comes first.
    """
    days = world.settings.retry_days
    if subscription.tries >= len(days):
        return None
    at = world.now() + days[subscription.tries] * DAY
    return at if subscription.next_at is None or at < subscription.next_at else None


def _count_failure(world: World, subscription: Subscription) -> None:
    keep = not plan_of(world, subscription)["payment_preferences"]["auto_bill_outstanding"]
    subscription.outstanding = subscription.due + (subscription.outstanding if keep else 0)
    subscription.failed += 1
    subscription.tries, subscription.due = 0, Decimal(0)


def _report(world: World, subscription: Subscription, made: list[payments.Payment]) -> None:
    """Emit the events of a period: the sale or failure of each payment, then a suspension or expiry."""
    for payment in made:
        if payment.good:
            payments.tell_sale(world, payment.sale)
        else:
            tell(world, subscription, "PAYMENT.FAILED", "Payment failed", "last_failed_payment")
    threshold = plan_of(world, subscription)["payment_preferences"]["payment_failure_threshold"]
    if threshold and subscription.failed >= threshold:
        suspend(world, subscription, None)
    elif subscription.next_at is None and subscription.retry_at is None:
        end(world, subscription, "EXPIRED", None)


def suspend(world: World, subscription: Subscription, note: str | None) -> None:
    """Suspend the subscription: nothing is charged until it is activated again.

    An amount that was being retried becomes outstanding.
    """
    if subscription.retry_at is not None:
        subscription.retry_at = None
        subscription.outstanding = max(subscription.outstanding, subscription.due)
        subscription.tries, subscription.due = 0, Decimal(0)
    set_status(world, subscription, "SUSPENDED", note)
    tell(world, subscription, "SUSPENDED", "Subscription suspended")


def resume(world: World, subscription: Subscription, note: str | None) -> None:
    """Activate a suspended subscription. Periods that passed meanwhile are not billed."""
    found = subscription
    cycle = current_cycle(plan_of(world, found), found.cycles)
    while cycle and found.next_at is not None and found.next_at <= world.now():
        found.periods += 1
        found.next_at = period_end(found.anchor, cycle, found.periods) if found.anchor else world.now() + 1
    set_status(world, found, "ACTIVE", note)
    tell(world, found, world.settings.reactivated_event, "Subscription activated")


def end(world: World, subscription: Subscription, status: str, note: str | None) -> None:
    """End the subscription for good; `status` is CANCELLED or EXPIRED."""
    subscription.next_at = subscription.retry_at = None
    set_status(world, subscription, status, note)
    tell(world, subscription, status, f"Subscription {status.lower()}")
