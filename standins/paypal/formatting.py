"""Formats amounts, periods and statuses for the local PayPal's hosted pages."""

from __future__ import annotations

from standins.paypal.catalog import currency_of
from standins.paypal.money import spoken
from standins.paypal.state import Obj, Subscription, World
from standins.paypal.subscription_terms import amount_of, current_cycle, cycles_of, fee_of, plan_of
from standins.paypal.times import spoken as day

BADGES = {
    "APPROVAL_PENDING": "Not agreed yet",
    "APPROVED": "Agreed",
    "ACTIVE": "Active",
    "SUSPENDED": "Suspended",
    "CANCELLED": "Cancelled",
    "EXPIRED": "Ended",
}


def every(cycle: Obj) -> str:
    """Describe a cycle's interval, such as "every month" or "every 3 months"."""
    unit, count = cycle["frequency"]["interval_unit"].lower(), cycle["frequency"].get("interval_count", 1)
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def terms(world: World, subscription: Subscription) -> list[tuple[str, str]]:
    """Return a (label, amount) pair for each part of the plan, in the order of payment."""
    plan = plan_of(world, subscription)
    code = currency_of(plan)
    found = [_part(plan, subscription, cycle) for cycle in cycles_of(plan)]
    fee = fee_of(plan)
    return [("Set-up fee, once", spoken(fee, code)), *found] if fee else found


def _part(plan: Obj, subscription: Subscription, cycle: Obj) -> tuple[str, str]:
    amount, total = amount_of(plan, subscription, cycle), cycle["total_cycles"]
    price = f"{spoken(amount, currency_of(plan))} {every(cycle)}" if amount else "Free"
    times = "until you cancel" if total == 0 else f"{total} {'time' if total == 1 else 'times'}"
    unit = cycle["frequency"]["interval_unit"].lower()
    if not amount:
        count = total * cycle["frequency"].get("interval_count", 1)
        times = f"for {count} {unit}{'' if count == 1 else 's'}"
    label = "Trial" if cycle["tenure_type"] == "TRIAL" else "Payments"
    return f"{label}, {times}", price


def due_today(world: World, subscription: Subscription) -> str:
    """Return the amount that is charged as soon as the buyer agrees."""
    plan = plan_of(world, subscription)
    due = fee_of(plan)
    cycle = current_cycle(plan, {})
    if cycle and subscription.start <= world.now():
        due += amount_of(plan, subscription, cycle)
    return spoken(due, currency_of(plan))


def cost(world: World, subscription: Subscription) -> str:
    plan = plan_of(world, subscription)
    running = current_cycle(plan, subscription.cycles) if subscription.status == "ACTIVE" else None
    cycle = running or cycles_of(plan)[-1]
    amount = amount_of(plan, subscription, cycle)
    return f"{spoken(amount, currency_of(plan))} {every(cycle)}" if amount else "Free for now"


def plan_name(world: World, subscription: Subscription) -> str:
    return str(world.get("plan", subscription.plan_id)["name"])


def badge(subscription: Subscription) -> str:
    return "Payment failed" if _owes(subscription) else BADGES[subscription.status]


def _owes(subscription: Subscription) -> bool:
    return subscription.status == "ACTIVE" and (subscription.failed > 0 or subscription.retry_at is not None)


def sentence(subscription: Subscription) -> str:
    """Return a sentence about what happens next to the subscription, or happened last if it has ended."""
    if subscription.retry_at is not None:
        return f"The last payment failed. It is tried again on {day(subscription.retry_at)}."
    if subscription.status == "ACTIVE" and subscription.next_at is not None:
        return f"The next payment is on {day(subscription.next_at)}."
    if subscription.status == "SUSPENDED":
        return "Nothing is taken until it is activated again."
    return f"{BADGES[subscription.status]} on {day(subscription.changed)}. Nothing more is taken."
