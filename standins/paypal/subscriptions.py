"""The Subscriptions API: create, show, patch, revise, suspend, activate, cancel, capture, transactions."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from standins.paypal import billing, payments, request_checks
from standins.paypal.catalog import PREFERENCES, PRICING
from standins.paypal.errors import PayPalRefusal, bad, unfit
from standins.paypal.money import exact
from standins.paypal.patching import Places, apply_patches
from standins.paypal.request_checks import anything, fields, one_of, rows, text, whole
from standins.paypal.routes import Answer, Call, Route
from standins.paypal.state import Obj, Subscription, World, new_id
from standins.paypal.subscription_terms import (
    approval_path,
    currency,
    cycles_of,
    links,
    plan_of,
    show,
)
from standins.paypal.times import parse, stamp

CONTEXT = fields(
    "return_url cancel_url",
    brand_name=text(),
    locale=text(2, 10),
    shipping_preference=one_of("GET_FROM_FILE NO_SHIPPING SET_PROVIDED_ADDRESS"),
    user_action=one_of("CONTINUE SUBSCRIBE_NOW"),
    payment_method=anything,
    return_url=request_checks.web_address,
    cancel_url=request_checks.web_address,
)
OVERRIDE = fields(
    billing_cycles=rows(
        fields("sequence", sequence=whole(1, 99), total_cycles=whole(0, 999), pricing_scheme=PRICING), 12
    ),
    payment_preferences=PREFERENCES,
)
SUBSCRIBER = fields(
    name=fields(given_name=text(0, 140), surname=text(0, 140), full_name=text(0, 300)),
    email_address=text(3, 254, "^.+@.+$"),
    shipping_address=anything,
)
QUANTITY = text(1, 32, "^[0-9]+$")
CREATE = fields(
    "plan_id",
    plan_id=text(3, 50),
    start_time=request_checks.time,
    quantity=QUANTITY,
    shipping_amount=request_checks.money,
    subscriber=SUBSCRIBER,
    application_context=CONTEXT,
    custom_id=text(1, 127, r"^[\x20-\x7E]+"),
    plan=OVERRIDE,
    auto_renewal=request_checks.flag,
)
REVISE = fields(
    plan_id=text(3, 50),
    quantity=QUANTITY,
    shipping_amount=request_checks.money,
    application_context=CONTEXT,
    plan=OVERRIDE,
)
REASON = text(1, 128)
CAPTURE = fields(
    "note capture_type amount",
    note=REASON,
    capture_type=one_of("OUTSTANDING_BALANCE"),
    amount=request_checks.money,
)
WRONG_MONEY = "The currency code is different from the {}'s currency code."


def create(world: World, given: Obj) -> Subscription:
    plan = _plan(world, given["plan_id"])
    if plan["status"] != "ACTIVE":
        text = "Invalid plan status for subscription creation; plan status should be active."
        raise unfit("PLAN_STATUS_INVALID", text)
    _refuse_quantity(plan, given)
    _refuse_override(world, plan, given.get("plan", {}))
    now = world.now()
    start = parse(given["start_time"]) if "start_time" in given else now
    if start < now:
        text = "Start time must be a valid future date and time."
        raise bad("INVALID_PARAMETER_VALUE", "/start_time", description=text)
    found = Subscription(new_id("I-", 12), plan["id"], created=now, start=start, changed=now, updated=now)
    found.custom_id, found.quantity = given.get("custom_id"), given.get("quantity")
    found.override, found.wanted = given.get("plan", {}), given.get("subscriber", {})
    found.context = given.get("application_context", {})
    found.shipping = Decimal(given.get("shipping_amount", {}).get("value", "0"))
    found.ba_token = new_id("BA-")
    world.add("subscription", found.id, found)
    world.add("ba_token", found.ba_token, (found, None))
    billing.tell(world, found, "CREATED", "Subscription created")
    return found


def _plan(world: World, plan_id: str) -> Obj:
    plan: Obj | None = world.find("plan", plan_id)
    if plan is None:
        text = "Requested resource ID was not found."
        raise PayPalRefusal(404, details=[{"issue": "INVALID_RESOURCE_ID", "description": text}])
    return plan


def _refuse_quantity(plan: Obj, given: Obj) -> None:
    if "quantity" in given and not plan["quantity_supported"]:
        text = "Subscription can't have quantity as the plan does not support quantity."
        raise unfit("SUBSCRIPTION_CANNOT_HAVE_QUANTITY", text)


def _refuse_override(world: World, plan: Obj, override: Obj) -> None:
    known = {one["sequence"] for one in plan["billing_cycles"]}
    code = next(one for one in cycles_of(plan) if one["tenure_type"] == "REGULAR")
    code = code["pricing_scheme"]["fixed_price"]["currency_code"]
    for one in override.get("billing_cycles", []):
        if one["sequence"] not in known:
            text = "The provided billing cycle sequence is not available."
            raise unfit("INVALID_BILLING_CYCLE_SEQUENCE", text)
        if one.get("pricing_scheme", {}).get("fixed_price", {}).get("currency_code", code) != code:
            raise unfit("CURRENCY_MISMATCH", WRONG_MONEY.format("plan"))


def _create(world: World, call: Call) -> Answer:
    shown = show(world, create(world, call.body))
    minimal = {name: shown[name] for name in ("status", "id", "create_time", "links")}
    return 201, shown if call.full else minimal


def _get(world: World, call: Call, subscription_id: str) -> Answer:
    return 200, show(world, world.subscription(subscription_id), call.query.get("fields", ""))


# Later changes of the status


def _apt(subscription: Subscription, action: str, statuses: str) -> None:
    if subscription.status not in statuses.removeprefix("either ").upper().split(" OR "):
        text = f"Invalid subscription status for {action} action; subscription status should be {statuses}."
        raise unfit("SUBSCRIPTION_STATUS_INVALID", text)


def suspend(world: World, subscription_id: str, reason: str) -> None:
    found = world.subscription(subscription_id)
    _apt(found, "suspend", "active")
    billing.suspend(world, found, reason)


def activate(world: World, subscription_id: str, reason: str | None) -> None:
    found = world.subscription(subscription_id)
    if found.status == "APPROVED":
        billing.begin(world, found)
        return
    _apt(found, "activate", "suspended")
    threshold = plan_of(world, found)["payment_preferences"]["payment_failure_threshold"]
    if threshold and found.failed >= threshold:
        text = "Subscription cannot be activated after payment failure threshold has reached."
        raise unfit("SUBSCRIPTION_CANNOT_BE_ACTIVATED", text)
    billing.resume(world, found, reason)


def cancel(world: World, subscription_id: str, reason: str) -> None:
    """Cancel the subscription at once and for good, without a refund."""
    found = world.subscription(subscription_id)
    _apt(found, "cancel", "active or suspended")
    billing.end(world, found, "CANCELLED", reason)


def _suspend(world: World, call: Call, subscription_id: str) -> Answer:
    suspend(world, subscription_id, call.body["reason"])
    return 204, None


def _activate(world: World, call: Call, subscription_id: str) -> Answer:
    activate(world, subscription_id, (call.body or {}).get("reason"))
    return 204, None


def _cancel(world: World, call: Call, subscription_id: str) -> Answer:
    cancel(world, subscription_id, call.body["reason"])
    return 204, None


def _capture(world: World, call: Call, subscription_id: str) -> Answer:
    found, given = world.subscription(subscription_id), call.body["amount"]
    _apt(found, "capture", "active or suspended or expired")
    amount = Decimal(given["value"])
    if found.outstanding <= 0:
        raise unfit("ZERO_OUTSTANDING_BALANCE", "Current outstanding balance should be greater than zero.")
    if given["currency_code"] != currency(world, found):
        raise unfit("CURRENCY_MISMATCH", WRONG_MONEY.format("subscription"))
    if not 0 < amount <= found.outstanding:
        text = "The capture amount can not be greater than the current outstanding balance."
        raise unfit("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", text)
    payment = payments.charge(world, found, amount)
    if payment.good:
        found.outstanding -= amount
        found.failed = 0 if found.outstanding == 0 else found.failed
        found.last_payment = (amount, world.now())
        payments.tell_sale(world, payment.sale)
    return 200, payments.show_transaction(payment.sale)


def _transactions(world: World, call: Call, subscription_id: str) -> Answer:
    found = world.subscription(subscription_id)
    first, last = call.query["start_time"], call.query["end_time"]
    if first > last:
        raise bad("INVALID_PARAMETER_VALUE", "start_time", "query")
    sales = [one for one in payments.sales_of(world, found.id) if first <= one.created <= last]
    path = f"/v1/billing/subscriptions/{found.id}/transactions"
    path += f"?start_time={stamp(first)}&end_time={stamp(last)}"
    shown = [payments.show_transaction(one) for one in sales]
    return 200, {
        "transactions": shown,
        "total_items": len(shown),
        "total_pages": 1,
        "links": [world.link(path)],
    }


# Changes of the terms


def _patch(world: World, call: Call, subscription_id: str) -> Answer:
    found = world.subscription(subscription_id)
    _apt(found, "patch", "either active or suspended")
    apply_patches(Patch(world, found).places, call.body)
    found.updated = world.now()
    billing.tell(world, found, "UPDATED", "Subscription updated")
    return 204, None


class Patch:
    """Applies patches to the fields that can change without the buyer's approval."""

    def __init__(self, world: World, subscription: Subscription) -> None:
        self.world, self.found = world, subscription
        cycle, preferences = r"/plan/billing_cycles/@sequence==(\d+)", "/plan/payment_preferences"
        self.places: Places = {
            "/custom_id": ("add replace", self.custom_id),
            "/start_time": ("replace", self.start_time),
            "/billing_info/outstanding_balance": ("replace", self.balance),
            "/shipping_amount": ("add replace", self.shipping),
            f"{cycle}/pricing_scheme/fixed_price": ("add replace", self.price),
            f"{cycle}/total_cycles": ("replace", self.total),
            f"{preferences}/(auto_bill_outstanding|payment_failure_threshold)": ("replace", self.prefer),
        }

    def custom_id(self, value: Any) -> None:
        self.found.custom_id = text(1, 127, r"^[\x20-\x7E]+$")(value, "/custom_id")

    def start_time(self, value: Any) -> None:
        start = parse(request_checks.time(value, "/start_time"))
        if self.found.cycles:
            text = "The start time cannot be updated for a subscription that has been activated."
            raise unfit("INVALID_START_TIME", text)
        self.found.start = self.found.next_at = start

    def balance(self, value: Any) -> None:
        amount = self._money(value, "/billing_info/outstanding_balance")
        if amount > self.found.outstanding:
            text = "The new outstanding balance cannot be greater than the current outstanding balance."
            raise unfit("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", text)
        self.found.outstanding = amount
        self.found.failed = self.found.failed if amount else 0

    def shipping(self, value: Any) -> None:
        self.found.shipping = self._money(value, "/shipping_amount")

    def price(self, value: Any, sequence: str) -> None:
        self._money(value, "/plan/billing_cycles")
        self._cycle(int(sequence))["pricing_scheme"] = {"fixed_price": value}

    def total(self, value: Any, sequence: str) -> None:
        wanted = whole(0, 999)(value, "/plan/billing_cycles")
        if wanted and wanted < self.found.cycles.get(int(sequence), 0):
            text = "The total cycles cannot be less than the number of billing cycles completed."
            raise unfit("INVALID_BILLING_TOTAL_CYCLES", text)
        self._cycle(int(sequence))["total_cycles"] = wanted

    def prefer(self, value: Any, name: str) -> None:
        checked = PREFERENCES({name: value}, "/plan/payment_preferences")
        self.found.override = {**copy.deepcopy(self.found.override)}
        self.found.override.setdefault("payment_preferences", {}).update(checked)

    def _money(self, value: Any, where: str) -> Decimal:
        checked = request_checks.money(value, where)
        if checked["currency_code"] != currency(self.world, self.found):
            raise unfit("CURRENCY_MISMATCH", WRONG_MONEY.format("subscription"))
        return Decimal(checked["value"])

    def _cycle(self, sequence: int) -> Obj:
        """Return this subscription's own terms for a cycle, creating them if there are none."""
        cycles = {one["sequence"]: one for one in cycles_of(plan_of(self.world, self.found))}
        if sequence not in cycles:
            raise bad("INVALID_PATCH_PATH", "/plan/billing_cycles")
        total = cycles[sequence]["total_cycles"]
        if total and self.found.cycles.get(sequence, 0) >= total:
            text = "Update cannot be performed on a billing cycle that has completed execution."
            raise unfit("BILLING_CYCLE_EXECUTION_COMPLETED", text)
        own: list[Obj] = self.found.override.setdefault("billing_cycles", [])
        for one in own:
            if one["sequence"] == sequence:
                return one
        own.append({"sequence": sequence})
        return own[-1]


def _revise(world: World, call: Call, subscription_id: str) -> Answer:
    """Request a revision. Nothing changes until the buyer approves it on the approval page."""
    found, given = world.subscription(subscription_id), call.body
    if found.status not in ("ACTIVE", "SUSPENDED"):
        raise unfit("SUBSCRIPTION_STATUS_INVALID", "The subscription should be either active or suspended.")
    plan = _plan(world, given.get("plan_id", found.plan_id))
    if plan["product_id"] != world.get("plan", found.plan_id)["product_id"]:
        text = "The old and the new plans should be for the same product."
        raise unfit("PLAN_PRODUCT_NOT_COMPATIBLE", text)
    _refuse_quantity(plan, given)
    _refuse_override(world, plan, given.get("plan", {}))
    ba_token = new_id("BA-")
    world.add("ba_token", ba_token, (found, given))
    shown = {name: given[name] for name in ("quantity", "shipping_amount") if name in given}
    approve = world.link(approval_path(ba_token), "approve")
    return 200, {
        **shown,
        "plan_id": plan["id"],
        "plan_overridden": bool(given.get("plan")),
        "links": [approve, *links(world, found)],
    }


def accept_revision(world: World, subscription: Subscription, given: Obj) -> None:
    """Apply an approved revision: the new plan and price apply from the next payment on."""
    found = subscription
    if given.get("plan_id", found.plan_id) != found.plan_id:
        _move(world, found, given["plan_id"])
    if "quantity" in given:
        found.quantity = given["quantity"]
    if "shipping_amount" in given:
        found.shipping = Decimal(exact(Decimal(given["shipping_amount"]["value"]), currency(world, found)))
    if "plan" in given:
        found.override = given["plan"]
    found.updated = world.now()
    billing.tell(world, found, "UPDATED", "Subscription updated")


def _move(world: World, subscription: Subscription, plan_id: str) -> None:
    """Move the subscription to another plan.

    Its trials are skipped for a buyer who comes from a different plan.
    """
    subscription.plan_id, subscription.override = plan_id, {}
    cycles = cycles_of(plan_of(world, subscription))
    subscription.cycles = {one["sequence"]: one["total_cycles"] for one in cycles[:-1]}


SUBSCRIPTIONS = "/v1/billing/subscriptions"
ONE = f"{SUBSCRIPTIONS}/{{id}}"
SPAN = {"start_time": request_checks.query_time, "end_time": request_checks.query_time}
STOP = fields("reason", reason=REASON)
ROUTES = [
    Route("POST", SUBSCRIPTIONS, _create, CREATE, spec="subscriptions", keyed=True),
    Route("GET", ONE, _get, query={"fields": text(1, 100)}, spec="subscriptions"),
    Route("PATCH", ONE, _patch, request_checks.PATCHES, spec="subscriptions"),
    Route("POST", f"{ONE}/revise", _revise, REVISE, spec="subscriptions"),
    Route("POST", f"{ONE}/suspend", _suspend, STOP, spec="subscriptions"),
    Route("POST", f"{ONE}/activate", _activate, fields(reason=REASON), spec="subscriptions", bodyless=True),
    Route("POST", f"{ONE}/cancel", _cancel, STOP, spec="subscriptions"),
    Route("POST", f"{ONE}/capture", _capture, CAPTURE, spec="subscriptions", keyed=True),
    Route(
        "GET",
        f"{ONE}/transactions",
        _transactions,
        query=SPAN,
        needed="start_time end_time",
        spec="subscriptions",
    ),
]
