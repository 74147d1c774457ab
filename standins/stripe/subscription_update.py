"""Updates of a subscription: its prices, end, pause and trial."""

from __future__ import annotations

from enum import IntEnum

from standins.stripe import billing, discounts
from standins.stripe.cancel import OVER, note_details, plan_end, refuse_managed
from standins.stripe.customers import own_method
from standins.stripe.errors import StripeRefusal, declined, invalid, missing, unsupported
from standins.stripe.payments import refusal_of
from standins.stripe.prorate import add_line
from standins.stripe.state import Obj, World, merge_metadata
from standins.stripe.subscription_items import check_prices, new_item

AFTER_THE_END = {"metadata", "cancellation_details", "expand"}


class Due(IntEnum):
    """The invoice, if any, that a change of a subscription requires at once."""

    NOTHING = 0
    PRORATIONS = 1
    PERIOD = 2  # a new period has begun


def update(world: World, given: Obj, subscription_id: str) -> Obj:
    subscription = world.get("subscription", subscription_id)
    _refuse(world, subscription, given)
    with world.changing(subscription, billing.UPDATED):
        merge_metadata(subscription, given.get("metadata"))
        note_details(subscription, given.get("cancellation_details"))
        _plain(world, subscription, given)
        if "discounts" in given:
            discounts.set_discounts(world, subscription, given["discounts"], subscription=subscription_id)
        for key in ("default_tax_rates", "automatic_tax"):
            if key in given:
                subscription[key] = (
                    given[key] or []
                    if key == "default_tax_rates"
                    else {
                        **subscription[key],
                        **given[key],
                    }
                )
        if "pause_collection" in given:
            _pause(world, subscription, given["pause_collection"])
        due = switch(world, subscription, given) if "items" in given else Due.NOTHING
        due = max(due, _move_anchor(world, subscription, given))
        if "trial_end" in given:
            due = max(due, _set_trial(world, subscription, given["trial_end"]))
        plan_end(world, subscription, given)
        invoice = None
        if due:
            whole = due is Due.PERIOD
            invoice = billing.bill(world, subscription, "subscription_update", new_period=whole)
    if invoice:
        billing.settle(world, subscription, invoice)
    return subscription


def _refuse(world: World, subscription: Obj, given: Obj) -> None:
    if subscription["status"] in OVER and set(given) - AFTER_THE_END:
        raise StripeRefusal(
            400, "A canceled subscription can only update its cancellation_details and metadata."
        )
    if {"cancel_at", "cancel_at_period_end"} & set(given):
        refuse_managed(subscription)
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior not in ("allow_incomplete", "error_if_incomplete"):
        raise unsupported("payment_behavior")
    method = billing.method_for(world, subscription)
    if behavior == "error_if_incomplete" and "items" in given and method:
        refusal = refusal_of(world, method)
        if refusal:
            raise declined(None, refusal[0], refusal[1], {})


def _plain(world: World, subscription: Obj, given: Obj) -> None:
    if "description" in given:
        subscription["description"] = given["description"] or None
    if given.get("default_payment_method"):
        own_method(world, subscription["customer"], given["default_payment_method"])
        subscription["default_payment_method"] = given["default_payment_method"]
    for key in ("payment_settings", "trial_settings"):
        subscription[key].update(given.get(key) or {})


def _pause(world: World, subscription: Obj, wanted: Obj | str) -> None:
    """Set pause_collection; an empty string removes it. The subscription's status stays as it is."""
    if isinstance(wanted, str):
        subscription["pause_collection"] = None
        return
    resumes_at = wanted.get("resumes_at")
    if resumes_at is not None and resumes_at <= world.now():
        raise invalid("resumes_at must be in the future.", "pause_collection[resumes_at]")
    subscription["pause_collection"] = {"behavior": wanted["behavior"], "resumes_at": resumes_at}


def switch(world: World, subscription: Obj, given: Obj) -> Due:
    """Apply `items`. A change of the billing interval begins a new period."""
    rows = _next_rows(world, subscription, given["items"])
    if not rows:
        raise invalid("A subscription must have at least one active plan.", "items")
    check_prices(world, [row for row in rows if row["price"] not in _prices(subscription)])
    prices = [world.by_id[row["price"]] for row in rows]
    if len({(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in prices}) > 1:
        raise invalid("The local Stripe bills all items of a subscription at one interval.", "items")
    if {p["currency"] for p in prices} != {subscription["currency"]}:
        raise invalid("A subscription cannot change its currency.", "items")
    behavior = given.get("proration_behavior", "create_prorations")
    before = [dict(item) for item in billing.items_of(subscription)]
    subscription["items"]["data"] = rows
    return _prorate(world, subscription, before, behavior)


def _prices(subscription: Obj) -> set[str]:
    return {item["price"] for item in billing.items_of(subscription)}


def _next_rows(world: World, subscription: Obj, wanted: list[Obj]) -> list[Obj]:
    """Return the items after the change.

    A requested item without an id is added, never matched to an old one.
    """
    rows = {item["id"]: dict(item) for item in billing.items_of(subscription)}
    first = billing.items_of(subscription)[0]
    for n, change in enumerate(wanted):
        if "id" not in change:
            if change.get("price") in {row["price"] for row in rows.values()}:
                raise invalid(
                    "Cannot add multiple subscription items with the same plan.", f"items[{n}][price]"
                )
            item = new_item(world, subscription["id"], change)
            item.update({k: first[k] for k in ("current_period_start", "current_period_end")})
            rows[item["id"]] = item
        elif change["id"] not in rows:
            raise missing("subscription_item", change["id"], f"items[{n}][id]")
        elif change.get("deleted"):
            del rows[change["id"]]
        else:
            rows[change["id"]].update({key: change[key] for key in ("price", "quantity") if key in change})
            merge_metadata(rows[change["id"]], change.get("metadata"))
            rows[change["id"]]["tax_rates"] = change.get("tax_rates", rows[change["id"]]["tax_rates"]) or []
            if "discounts" in change:
                row = rows[change["id"]]
                discounts.set_discounts(world, row, change["discounts"], subscription_item=row["id"])
    return list(rows.values())


def _prorate(world: World, subscription: Obj, before: list[Obj], behavior: str) -> Due:
    after = billing.items_of(subscription)
    if [(i["price"], i["quantity"]) for i in before] == [(i["price"], i["quantity"]) for i in after]:
        return Due.NOTHING
    old, new = (world.by_id[items[0]["price"]]["recurring"] for items in (before, after))
    same_interval = all(old[key] == new[key] for key in ("interval", "interval_count"))
    if behavior != "none":
        for item in before:
            add_line(world, subscription, item, -1)
    if same_interval:
        if behavior != "none":
            for item in after:
                add_line(world, subscription, item, +1)
        now = behavior == "always_invoice" and subscription["status"] != "trialing"
        return Due.PRORATIONS if now else Due.NOTHING
    if subscription["status"] == "trialing":
        return Due.NOTHING
    _restart(world, subscription)
    return Due.PERIOD


def _restart(world: World, subscription: Obj) -> None:
    subscription["billing_cycle_anchor"] = world.now()
    billing.set_periods(world, subscription, world.now())


def _move_anchor(world: World, subscription: Obj, given: Obj) -> Due:
    wanted = given.get("billing_cycle_anchor", "unchanged")
    if wanted not in ("now", {"type": "now"}):
        return Due.NOTHING
    if given.get("proration_behavior") != "none":
        for item in billing.items_of(subscription):
            add_line(world, subscription, item, -1)
    _restart(world, subscription)
    return Due.PERIOD


def _set_trial(world: World, subscription: Obj, wanted: int | str) -> Due:
    """Set the trial's end (unix seconds); `now` ends a running trial and bills at once."""
    if wanted == "now":
        if subscription["status"] != "trialing":
            return Due.NOTHING
        subscription.update(trial_end=world.now(), status="active")
        _restart(world, subscription)
        return Due.PERIOD
    end = int(wanted)
    if end <= world.now():
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    subscription.update(status="trialing", trial_end=end, billing_cycle_anchor=end)
    subscription["trial_start"] = subscription["trial_start"] or world.now()
    for item in billing.items_of(subscription):
        item.update(current_period_start=world.now(), current_period_end=end)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = end
    return Due.NOTHING
