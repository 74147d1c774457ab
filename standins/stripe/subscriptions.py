"""Stripe's API for subscriptions, except updating (subscription_update.py) and canceling (cancel.py)."""

from __future__ import annotations

from standins.stripe import billing, catalog, discounts, invoices
from standins.stripe.cancel import OVER, cancel, plan_end
from standins.stripe.customer_lookup import living
from standins.stripe.customers import own_method
from standins.stripe.errors import StripeRefusal, invalid, required
from standins.stripe.invoice_api import no_method
from standins.stripe.payments import refusal_of
from standins.stripe.routes import PAGING, Route, delete, get, page, post, retrieve, within
from standins.stripe.state import DAY, Obj, World, blank, listing, merge_metadata, new_id
from standins.stripe.subscription_items import check_prices, new_item
from standins.stripe.subscription_update import update


def create(world: World, given: Obj) -> Obj:
    if "customer" not in given:
        raise required("customer")
    customer = living(world, given["customer"], "customer")
    subscription = new_subscription(world, customer, given)
    if given.get("default_payment_method"):
        own_method(world, customer["id"], given["default_payment_method"])
        subscription["default_payment_method"] = given["default_payment_method"]
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior == "error_if_incomplete":
        _refuse_now(world, subscription)
    charged = subscription["status"] != "trialing" and behavior != "default_incomplete"
    if charged and price_of(world, subscription) and billing.method_for(world, subscription) is None:
        raise no_method()
    return begin(world, subscription, given, attempt=behavior != "default_incomplete")


def _refuse_now(world: World, subscription: Obj) -> None:
    method = billing.method_for(world, subscription)
    refusal = refusal_of(world, method) if method else None
    if method and refusal and subscription["status"] != "trialing":
        raise StripeRefusal(402, "Your card was declined.", kind="card_error", code=refusal[0])


def price_of(world: World, subscription: Obj) -> int:
    """Return the cost of one period of the subscription, in minor units."""
    items = billing.items_of(subscription)
    currency = subscription["currency"]
    return sum(catalog.amount_of(world, world.by_id[i["price"]], i["quantity"], currency) for i in items)


def give_discounts(world: World, subscription: Obj, given: Obj) -> None:
    """Apply the request's discounts to the subscription and to its items.

    The items are in the order of the request.
    """
    if "discounts" in given:
        discounts.set_discounts(world, subscription, given["discounts"], subscription=subscription["id"])
    for item, one in zip(billing.items_of(subscription), given.get("items", []), strict=False):
        if "discounts" in one:
            discounts.set_discounts(world, item, one["discounts"], subscription_item=item["id"])


def begin(world: World, subscription: Obj, given: Obj | None = None, *, attempt: bool = True) -> Obj:
    """Store the subscription, emit its creation and bill the first period (0 for a trial)."""
    world.add(subscription)
    give_discounts(world, subscription, given or {})
    trial = subscription["status"] == "trialing"
    world.emit("customer.subscription.created", subscription)
    invoice = billing.bill(world, subscription, "subscription_create", free=trial)
    if attempt or trial:
        billing.settle(world, subscription, invoice)
    else:
        invoices.finalize(world, invoice)
        billing.after_payment(world, subscription, invoice, paid=invoice["status"] == "paid")
    return subscription


def trial_end_of(world: World, given: Obj, prices: list[Obj]) -> int | None:
    """Return the trial's end in unix seconds; None for no trial.

    Raises BadParameter if the request contradicts itself.
    """
    if "trial_end" in given and "trial_period_days" in given:
        raise invalid("You can only specify one of trial_end and trial_period_days.", "trial_end")
    if given.get("trial_end") == "now":
        return None
    if "trial_end" in given:
        if given["trial_end"] <= world.now():
            raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
        return int(given["trial_end"])
    days = given.get("trial_period_days")
    if days is None and given.get("trial_from_plan"):
        days = max((price["recurring"]["trial_period_days"] or 0) for price in prices)
    if days is not None and days < 0:
        raise invalid("This value must be greater than or equal to 1.", "trial_period_days")
    return world.now() + days * DAY if days else None


def new_subscription(world: World, customer: Obj, given: Obj) -> Obj:
    """Build the subscription, with its first period, without storing it."""
    if not given.get("items"):
        raise required("items")
    prices = check_prices(world, given["items"])
    subscription = _blank_subscription(world, given, trial_end_of(world, given, prices))
    subscription.update(customer=customer["id"], currency=given.get("currency", prices[0]["currency"]))
    _collection(subscription, given)
    intervals = {(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in prices}
    if len(intervals) > 1 and subscription["billing_mode"]["type"] != "flexible":
        raise invalid("Items of several intervals need billing_mode[type]=flexible.", "items")
    subscription["description"] = given.get("description") or None
    subscription["payment_settings"].update(given.get("payment_settings") or {})
    merge_metadata(subscription, given.get("metadata"))
    subscription["items"]["data"] = [new_item(world, subscription["id"], item) for item in given["items"]]
    billing.set_periods(world, subscription, world.now())
    plan_end(world, subscription, given)
    return subscription


def _collection(subscription: Obj, given: Obj) -> None:
    subscription["automatic_tax"].update(given.get("automatic_tax") or {})
    subscription["default_tax_rates"] = given.get("default_tax_rates") or []
    subscription["collection_method"] = given.get("collection_method", "charge_automatically")
    subscription["days_until_due"] = given.get("days_until_due")


def _blank_subscription(world: World, given: Obj, trial_end: int | None) -> Obj:
    subscription_id, now = new_id("sub"), world.now()
    return {
        **blank(
            "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at"
        ),
        **blank(
            "canceled_at customer_account days_until_due default_payment_method default_source description"
        ),
        **blank("ended_at latest_invoice managed_payments next_pending_invoice_item_invoice on_behalf_of"),
        **blank(
            "pause_collection pending_invoice_item_interval pending_setup_intent pending_update schedule"
        ),
        **blank("test_clock transfer_data"),
        "id": subscription_id,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": trial_end or now,
        "billing_mode": _billing_mode(world, given.get("billing_mode")),
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": blank("comment feedback feedback_option reason"),
        "collection_method": "charge_automatically",
        "created": now,
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": blank("account_tax_ids custom_fields description footer")
        | {"issuer": {"type": "self"}},
        "items": listing([], f"/v1/subscription_items?subscription={subscription_id}"),
        "livemode": world.livemode,
        "metadata": {},
        "payment_settings": blank("payment_method_options payment_method_types")
        | {"save_default_payment_method": "off"},
        "start_date": now,
        "status": "trialing" if trial_end else "incomplete",
        "trial_end": trial_end,
        "trial_settings": given.get("trial_settings")
        or {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": now if trial_end else None,
    }


def _billing_mode(world: World, given: Obj | None) -> Obj:
    kind = (given or {}).get("type", world.settings.billing_mode)
    return {"flexible": {"proration_discounts": "included"} if kind == "flexible" else None, "type": kind}


def list_subscriptions(world: World, given: Obj) -> Obj:
    """List subscriptions.

    Without `status`, those that have ended are left out; `all` includes them and `ended` lists only them.
    """
    rows = world.all("subscription", **{k: given[k] for k in ("customer",) if k in given})
    status = given.get("status")
    if status is None:
        rows = [row for row in rows if row["status"] not in OVER]
    elif status == "ended":
        rows = [row for row in rows if row["status"] in OVER]
    elif status != "all":
        rows = [row for row in rows if row["status"] == status]
    if "price" in given:
        world.get("price", given["price"], "price")
        rows = [row for row in rows if any(i["price"] == given["price"] for i in billing.items_of(row))]
    for key in ("current_period_end", "current_period_start"):
        if key in given:
            rows = [row for row in rows if any(within(i[key], given[key]) for i in billing.items_of(row))]
    return page(rows, given, "/v1/subscriptions")


def pause(world: World, given: Obj, subscription_id: str) -> Obj:
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] not in ("active", "trialing"):
        raise StripeRefusal(400, f"A subscription that is {subscription['status']} cannot be paused.")
    billing.pause(world, subscription, "pause_requested")
    return subscription


def resume(world: World, given: Obj, subscription_id: str) -> Obj:
    """Resume a subscription from status paused.

    Unless the request says otherwise, a new period begins and is billed.
    """
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] != "paused":
        raise StripeRefusal(400, f"Subscription {subscription_id} is not paused, it cannot be resumed.")
    subscription.pop("status_details", None)
    with world.changing(subscription, billing.UPDATED):
        subscription["status"] = "active"
        if given.get("billing_cycle_anchor", {"type": "now"}) in ("now", {"type": "now"}):
            subscription["billing_cycle_anchor"] = world.now()
        billing.set_periods(world, subscription, world.now())
        invoice = billing.bill(world, subscription, "subscription_update")
    world.emit("customer.subscription.resumed", subscription)
    billing.settle(world, subscription, invoice)
    return subscription


COMMON = (
    "cancel_at cancel_at_period_end cancellation_details default_payment_method description metadata "
    "off_session payment_settings(save_default_payment_method) proration_behavior trial_end trial_from_plan "
    "trial_settings(end_behavior(missing_payment_method)) payment_behavior "
    "automatic_tax(enabled) default_tax_rates discounts(coupon promotion_code discount) "
)
ITEM = "price quantity metadata discounts(coupon promotion_code discount) tax_rates"

ROUTES: list[Route] = [
    post(
        "/v1/subscriptions",
        "SubscriptionCreateParams",
        create,
        COMMON + f"customer currency items({ITEM}) trial_period_days billing_mode(type) "
        "collection_method days_until_due",
    ),
    retrieve("subscription", "/v1/subscriptions/{id}", "SubscriptionRetrieveParams"),
    post(
        "/v1/subscriptions/{id}",
        "SubscriptionUpdateParams",
        update,
        COMMON + f"items(id deleted {ITEM}) pause_collection billing_cycle_anchor",
    ),
    delete(
        "/v1/subscriptions/{id}",
        "SubscriptionCancelParams",
        cancel,
        "cancellation_details invoice_now prorate",
    ),
    post("/v1/subscriptions/{id}/resume", "SubscriptionResumeParams", resume, "billing_cycle_anchor(type)"),
    post("/v1/subscriptions/{id}/pause", "SubscriptionPauseParams", pause, "type"),
    get(
        "/v1/subscriptions",
        "SubscriptionListParams",
        list_subscriptions,
        PAGING + "customer price status created current_period_end current_period_start",
    ),
]
