"""The terms of a PayPal subscription (cycles, prices, fees and taxes), and its JSON."""

from __future__ import annotations

import copy
from decimal import Decimal

from standins.paypal.catalog import currency_of, price_of, show_plan
from standins.paypal.money import money, round_half_up
from standins.paypal.state import Obj, Subscription, World
from standins.paypal.times import after, billing_day, stamp

LIVE = ("ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED")
LINKS = {
    "APPROVAL_PENDING": "",
    "APPROVED": "activate",
    "ACTIVE": "cancel suspend capture",
    "SUSPENDED": "cancel activate capture",
    "CANCELLED": "",
    "EXPIRED": "capture",
}


def plan_of(world: World, subscription: Subscription) -> Obj:
    """Return a copy of the subscription's plan, with the terms that this subscription overrides."""
    plan: Obj = copy.deepcopy(world.get("plan", subscription.plan_id))
    for given in subscription.override.get("billing_cycles", []):
        cycle = next(one for one in plan["billing_cycles"] if one["sequence"] == given["sequence"])
        scheme = {**cycle.get("pricing_scheme", {"version": 1}), **given.get("pricing_scheme", {})}
        cycle |= {**given, "pricing_scheme": scheme} if scheme.get("fixed_price") else given
    plan["payment_preferences"] |= subscription.override.get("payment_preferences", {})
    return plan


def currency(world: World, subscription: Subscription) -> str:
    return currency_of(world.get("plan", subscription.plan_id))


def cycles_of(plan: Obj) -> list[Obj]:
    return sorted(plan["billing_cycles"], key=lambda one: int(one["sequence"]))


def current_cycle(plan: Obj, billed: dict[int, int]) -> Obj | None:
    """Return the billing cycle of the next period; None when all cycles are completed."""
    for cycle in cycles_of(plan):
        total = cycle["total_cycles"]
        if total == 0 or billed.get(cycle["sequence"], 0) < total:
            return cycle
    return None


def period_end(anchor: int, cycle: Obj, periods: int) -> int:
    """Return the end of the given number of periods since the anchor, in unix seconds."""
    frequency = cycle["frequency"]
    return after(anchor, frequency["interval_unit"].lower(), periods * frequency["interval_count"])


def amount_of(plan: Obj, subscription: Subscription, cycle: Obj) -> Decimal:
    """Return the price of a period. Tax and shipping are added unless the period is free."""
    price = price_of(cycle) * Decimal(subscription.quantity or 1)
    return taxed(plan, price) + subscription.shipping if price else price


def fee_of(plan: Obj) -> Decimal:
    """Return the set-up fee with its tax, without shipping.

    Live notifications show a first payment of 11.00 for PayPal's documented plan (a fee of 10.00 USD plus 10
    % tax), whatever the shipping.
    """
    return taxed(plan, Decimal(plan["payment_preferences"].get("setup_fee", {}).get("value", "0")))


def taxed(plan: Obj, amount: Decimal) -> Decimal:
    """Return the amount with the plan's tax, which is added unless the plan's amounts include it."""
    taxes = plan.get("taxes", {"inclusive": True})
    percent = Decimal(0) if taxes["inclusive"] else Decimal(taxes["percentage"])
    return amount + round_half_up(amount * percent / 100, currency_of(plan))


def show(world: World, subscription: Subscription, extra: str = "") -> Obj:
    """Return the subscription as the API shows it. `extra` may name last_failed_payment, plan, or both."""
    found = subscription
    shown: Obj = {
        "id": found.id,
        "status": found.status,
        "status_update_time": stamp(found.changed),
        "plan_id": found.plan_id,
        "plan_overridden": bool(found.override),
        "start_time": stamp(found.start),
        "quantity": found.quantity or "1",
        "shipping_amount": money(found.shipping, currency(world, found)),
        "create_time": stamp(found.created),
        "update_time": stamp(found.updated),
        "links": links(world, found),
    }
    optional = {"status_change_note": found.note, "custom_id": found.custom_id}
    shown |= {name: value for name, value in optional.items() if value is not None}
    if subscriber := _subscriber(found):
        shown["subscriber"] = subscriber
    if found.status in LIVE:
        shown["billing_info"] = _billing_info(world, found, "last_failed_payment" in extra)
    if "plan" in extra.split(","):
        shown["plan"] = show_plan(world, plan_of(world, found))
    return shown


def _subscriber(subscription: Subscription) -> Obj:
    buyer = subscription.buyer
    if buyer is None:
        return subscription.wanted
    name = {"given_name": buyer.given_name, "surname": buyer.surname}
    known = {"email_address": buyer.email, "payer_id": buyer.payer_id, "name": name}
    return {**subscription.wanted, **known}


def links(world: World, subscription: Subscription) -> list[Obj]:
    path = f"/v1/billing/subscriptions/{subscription.id}"
    found = [world.link(path), world.link(path, "edit", "PATCH")]
    found += [world.link(f"{path}/{one}", one, "POST") for one in LINKS[subscription.status].split()]
    if subscription.status == "APPROVAL_PENDING":
        found.insert(0, world.link(approval_path(subscription.ba_token), "approve"))
    return found


def approval_path(ba_token: str) -> str:
    return f"/webapps/billing/subscriptions?ba_token={ba_token}"


def _billing_info(world: World, subscription: Subscription, failures: bool) -> Obj:
    found, code = subscription, currency(world, subscription)
    info: Obj = {
        "outstanding_balance": money(found.outstanding, code),
        "cycle_executions": [_execution(one, found) for one in cycles_of(plan_of(world, found))],
        "failed_payments_count": found.failed,
    }
    if found.last_payment:
        amount, at = found.last_payment
        info["last_payment"] = {"amount": money(amount, code), "time": stamp(at)}
    if found.next_at is not None and found.status == "ACTIVE":
        info["next_billing_time"] = stamp(_shown_next(world, found))
        final = final_payment(plan_of(world, found), found)
        info |= {"final_payment_time": stamp(final)} if final is not None else {}
    if failures and found.last_failed:
        info["last_failed_payment"] = found.last_failed
    return info


def _shown_next(world: World, subscription: Subscription) -> int:
    """Return the next billing time that the API shows, in unix seconds.

    For `stale_billing_seconds` after activation this is the start instead.
    """
    stale = (subscription.activated or 0) + world.settings.stale_billing_seconds
    if world.now() < stale or subscription.next_at is None:
        return subscription.start
    return subscription.next_at


def _execution(cycle: Obj, subscription: Subscription) -> Obj:
    billed, total = subscription.cycles.get(cycle["sequence"], 0), cycle["total_cycles"]
    return {
        "tenure_type": cycle["tenure_type"],
        "sequence": cycle["sequence"],
        "cycles_completed": billed,
        "cycles_remaining": max(total - billed, 0),
        "current_pricing_scheme_version": cycle.get("pricing_scheme", {}).get("version", 1),
        "total_cycles": total,
    }


def final_payment(plan: Obj, subscription: Subscription) -> int | None:
    """Return when the last period is paid, in unix seconds.

    None for a plan without end, or if no payment is left.
    """
    billed, at = dict(subscription.cycles), subscription.next_at
    if at is None or any(one["total_cycles"] == 0 for one in plan["billing_cycles"]):
        return None
    anchor, periods, last = subscription.anchor, subscription.periods, at
    while cycle := current_cycle(plan, billed):
        before = billed.get(cycle["sequence"], 0)
        anchor, periods = (anchor, periods) if before else (billing_day(at), 0)
        last, periods = at, periods + 1
        billed[cycle["sequence"]] = before + 1
        at = period_end(anchor, cycle, periods)
    return last
