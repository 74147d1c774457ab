"""PayPal's API for products and billing plans."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from standins.paypal import request_checks
from standins.paypal.errors import PayPalRefusal, bad, no_part, unfit
from standins.paypal.patching import apply_patches
from standins.paypal.request_checks import fields, flag, one_of, rows, text, whole
from standins.paypal.routes import Answer, Call, Route, page
from standins.paypal.state import Obj, World, new_id
from standins.paypal.times import stamp

PRICING = fields(fixed_price=request_checks.money)
FREQUENCY = fields("interval_unit", interval_unit=one_of("DAY WEEK MONTH YEAR"), interval_count=whole(1, 365))
CYCLE = fields(
    "frequency tenure_type sequence",
    frequency=FREQUENCY,
    tenure_type=one_of("REGULAR TRIAL"),
    sequence=whole(1, 99),
    total_cycles=whole(0, 999),
    pricing_scheme=PRICING,
)
PREFERENCES = fields(
    auto_bill_outstanding=flag,
    setup_fee=request_checks.money,
    setup_fee_failure_action=one_of("CONTINUE CANCEL"),
    payment_failure_threshold=whole(0, 999),
)
TAXES = fields("percentage", percentage=text(1, 10, r"^[0-9]*\.?[0-9]+$"), inclusive=flag)
PLAN = fields(
    "name billing_cycles payment_preferences product_id",
    product_id=text(6, 50),
    name=text(),
    status=one_of("CREATED INACTIVE ACTIVE"),
    description=text(),
    billing_cycles=rows(CYCLE, 12),
    payment_preferences=PREFERENCES,
    taxes=TAXES,
    quantity_supported=flag,
)
PRODUCT = fields(
    "name type",
    id=text(6, 50),
    name=text(),
    description=text(1, 256),
    type=one_of("PHYSICAL DIGITAL SERVICE"),
    category=text(4, 256, "^[A-Z_]+$"),
    image_url=request_checks.web_address,
    home_url=request_checks.web_address,
)
SCHEMES = fields(
    "pricing_schemes",
    pricing_schemes=rows(
        fields(
            "billing_cycle_sequence pricing_scheme",
            billing_cycle_sequence=whole(1, 99),
            pricing_scheme=PRICING,
        ),
        99,
    ),
)
PLAN_MINIMUM = ("id", "name", "status", "description", "usage_type", "create_time", "links")

# Products


def create_product(world: World, given: Obj) -> Obj:
    product_id = given.get("id") or new_id("PROD-")
    if "id" in given and product_id.startswith("PROD-"):
        text = "Input identifier must not use system prefix(PROD-)."
        raise bad("INVALID_PARAMETER_SYNTAX", "/id", description=text)
    if world.find("product", product_id):
        raise unfit("DUPLICATE_RESOURCE_IDENTIFIER", "Identifier must be unique.")
    now = stamp(world.now())
    product = {**given, "id": product_id, "create_time": now, "update_time": now}
    world.add("product", product_id, product)
    summary = "Product created."
    world.emit("CATALOG.PRODUCT.CREATED", "product", summary, show_product(world, product))
    return product


def show_product(world: World, product: Obj) -> Obj:
    path = f"/v1/catalogs/products/{product['id']}"
    return {**product, "links": [world.link(path), world.link(path, "edit", "PATCH")]}


def _create_product(world: World, call: Call) -> Answer:
    shown = show_product(world, create_product(world, call.body))
    minimal = {k: shown[k] for k in ("id", "name", "description", "create_time", "links") if k in shown}
    return 201, shown if call.full else minimal


def _get_product(world: World, _call: Call, product_id: str) -> Answer:
    return 200, show_product(world, world.get("product", product_id))


def _list_products(world: World, call: Call) -> Answer:
    names = ("id", "name", "description", "create_time", "links")
    shown = [show_product(world, one) for one in world.all("product")]
    cut = [{name: one[name] for name in names if name in one} for one in shown]
    return 200, page(world, cut, "products", call.query, "/v1/catalogs/products")


def _patch_product(world: World, call: Call, product_id: str) -> Answer:
    product = world.get("product", product_id)

    def put(value: Any, name: str) -> None:
        checks = {"description": text(1, 256), "category": text(4, 256, "^[A-Z_]+$")}
        product[name] = checks.get(name, request_checks.web_address)(value, f"/{name}")

    apply_patches({"/(description|category|image_url|home_url)": ("add replace", put)}, call.body)
    product["update_time"] = stamp(world.now())
    world.emit("CATALOG.PRODUCT.UPDATED", "product", "Product updated.", show_product(world, product))
    return 204, None


# Plans


def create_plan(world: World, given: Obj) -> Obj:
    product = world.find("product", given["product_id"])
    if product is None:
        raise PayPalRefusal(404, details=_no_such("Requested resource ID was not found."))
    _refuse_cycles(given["billing_cycles"])
    _refuse_currencies(given)
    now = stamp(world.now())
    plan: Obj = {"id": new_id("P-", 24), "status": "ACTIVE", "quantity_supported": False, **given}
    plan["billing_cycles"] = [_cycle(one, now) for one in given["billing_cycles"]]
    plan["payment_preferences"] = {
        "auto_bill_outstanding": True,
        "setup_fee_failure_action": "CANCEL",
        "payment_failure_threshold": 0,
        **given["payment_preferences"],
    }
    if "taxes" in given:
        plan["taxes"] = {"inclusive": True, **given["taxes"]}
    plan |= {"create_time": now, "update_time": now}
    world.add("plan", plan["id"], plan)
    world.emit("BILLING.PLAN.CREATED", "plan", "A billing plan was created.", show_plan(world, plan))
    return plan


def _no_such(text: str) -> list[dict[str, str]]:
    return [{"issue": "INVALID_RESOURCE_ID", "description": text}]


def _cycle(given: Obj, now: str) -> Obj:
    cycle = {"total_cycles": 1, **copy.deepcopy(given)}
    cycle["frequency"] = {"interval_count": 1, **given["frequency"]}
    if "pricing_scheme" in cycle:
        cycle["pricing_scheme"] |= {"version": 1, "create_time": now, "update_time": now}
    return cycle


def _refuse_cycles(cycles: list[Obj]) -> None:
    kinds = [one["tenure_type"] for one in sorted(cycles, key=lambda one: int(one["sequence"]))]
    if sorted(one["sequence"] for one in cycles) != list(range(1, len(cycles) + 1)):
        text = "Billing cycle sequence should start with `1` and be consecutive."
        raise unfit("INVALID_BILLING_CYCLE_SEQUENCE", text)
    if "REGULAR" not in kinds:
        text = "Plan should have at least one regular billing cycle."
        raise unfit("MISSING_REGULAR_BILLING_CYCLE", text)
    if kinds.count("REGULAR") > 1:
        text = "Only one regular billing cycle is allowed."
        raise unfit("MULTIPLE_REGULAR_BILLING_CYCLES_NOT_SUPPORTED", text)
    if kinds[-1] != "REGULAR":
        text = "Trial Billing cycle should precede regular billing cycle."
        raise unfit("INVALID_BILLING_CYCLE_SEQUENCE", text)
    _refuse_trials([one for one in cycles if one["tenure_type"] == "TRIAL"])
    regular = next(one for one in cycles if one["tenure_type"] == "REGULAR")
    if price_of(regular) <= 0:
        raise bad("MISSING_REQUIRED_PARAMETER", "/billing_cycles/0/pricing_scheme/fixed_price")


def _refuse_trials(trials: list[Obj]) -> None:
    if len(trials) > 2:
        text = "Only two trial billing cycles are allowed."
        raise unfit("MORE_THAN_TWO_TRIAL_BILLING_CYCLE_NOT_SUPPORTED", text)
    if sum(price_of(one) == 0 for one in trials) > 1:
        text = "Only one free trial billing cycle is allowed."
        raise unfit("MULTIPLE_FREE_TRIAL_BILLING_CYCLES_NOT_SUPPORTED", text)
    if any(one.get("total_cycles", 1) == 0 for one in trials):
        text = "Total cycles for trial billing must be greater than '0'."
        raise unfit("INVALID_TRIAL_BILLING_TOTAL_CYCLES", text)


def _refuse_currencies(given: Obj) -> None:
    prices = [one.get("pricing_scheme", {}).get("fixed_price") for one in given["billing_cycles"]]
    prices.append(given["payment_preferences"].get("setup_fee"))
    if len({one["currency_code"] for one in prices if one}) > 1:
        raise unfit("CURRENCY_MISMATCH", "All currency codes in the request should be of similar value.")


def price_of(cycle: Obj) -> Decimal:
    """Return the price of a billing cycle, 0 for a free one."""
    return Decimal(cycle.get("pricing_scheme", {}).get("fixed_price", {}).get("value", "0"))


def currency_of(plan: Obj) -> str:
    regular = next(one for one in plan["billing_cycles"] if one["tenure_type"] == "REGULAR")
    return str(regular["pricing_scheme"]["fixed_price"]["currency_code"])


def show_plan(world: World, plan: Obj) -> Obj:
    path = f"/v1/billing/plans/{plan['id']}"
    turn = "deactivate" if plan["status"] == "ACTIVE" else "activate"
    links = [world.link(path), world.link(path, "edit", "PATCH"), world.link(f"{path}/{turn}", turn, "POST")]
    links.append(world.link(f"{path}/update-pricing-schemes", "edit", "POST"))
    return {**copy.deepcopy(plan), "links": links}


def _cut(shown: Obj, full: bool) -> Obj:
    return shown if full else {name: shown[name] for name in PLAN_MINIMUM if name in shown}


def _create_plan(world: World, call: Call) -> Answer:
    return 201, _cut(show_plan(world, create_plan(world, call.body)), call.full)


def _get_plan(world: World, _call: Call, plan_id: str) -> Answer:
    return 200, show_plan(world, world.get("plan", plan_id))


def _list_plans(world: World, call: Call) -> Answer:
    plans = world.all("plan")
    if "product_id" in call.query:
        plans = [one for one in plans if one["product_id"] == call.query["product_id"]]
    if "plan_ids" in call.query:
        plans = [one for one in plans if one["id"] in call.query["plan_ids"].split(",")]
    shown = [_cut(show_plan(world, one), call.full) for one in plans]
    return 200, page(world, shown, "plans", call.query, "/v1/billing/plans")


def turn_plan(world: World, plan_id: str, action: str) -> None:
    """Activate or deactivate a plan; `action` is "activate" or "deactivate"."""
    plan = world.get("plan", plan_id)
    if (plan["status"] == "ACTIVE") == (action == "activate"):
        apt = "either created or inactive" if action == "activate" else "active"
        text = f"Invalid plan status for {action} action; plan status should be {apt}."
        raise unfit("PLAN_STATUS_INVALID", text)
    plan["status"] = "ACTIVE" if action == "activate" else "INACTIVE"
    _told(world, plan, f"BILLING.PLAN.{action.upper()}D", f"A billing plan was {action}d.")


def _told(world: World, plan: Obj, event: str, summary: str) -> None:
    plan["update_time"] = stamp(world.now())
    world.emit(event, "plan", summary, show_plan(world, plan))


def _activate(world: World, _call: Call, plan_id: str) -> Answer:
    turn_plan(world, plan_id, "activate")
    return 204, None


def _deactivate(world: World, _call: Call, plan_id: str) -> Answer:
    turn_plan(world, plan_id, "deactivate")
    return 204, None


def _patch_plan(world: World, call: Call, plan_id: str) -> Answer:
    plan = world.get("plan", plan_id)
    if plan["status"] != "ACTIVE":
        raise unfit("PLAN_STATUS_INACTIVE", "Status update is the only patchable filed on an inactive plan.")

    def put(value: Any, name: str) -> None:
        plan[name] = text()(value, f"/{name}")

    def prefer(value: Any, name: str) -> None:
        plan["payment_preferences"] |= PREFERENCES({name: value}, "/payment_preferences")

    preferences = "auto_bill_outstanding|setup_fee|setup_fee_failure_action|payment_failure_threshold"
    places = {
        "/(name|description)": ("replace", put),
        f"/payment_preferences/({preferences})": ("replace", prefer),
    }
    apply_patches(places, call.body)
    _told(world, plan, "BILLING.PLAN.UPDATED", "A billing plan was updated.")
    return 204, None


def change_price(world: World, plan_id: str, amount: str) -> None:
    plan = world.get("plan", plan_id)
    (regular,) = [one for one in plan["billing_cycles"] if one["tenure_type"] == "REGULAR"]
    scheme = {"fixed_price": {"currency_code": currency_of(plan), "value": amount}}
    update_prices(world, plan_id, [{"billing_cycle_sequence": regular["sequence"], "pricing_scheme": scheme}])


def _update_prices(world: World, call: Call, plan_id: str) -> Answer:
    update_prices(world, plan_id, call.body["pricing_schemes"])
    return 204, None


def update_prices(world: World, plan_id: str, schemes: list[Obj]) -> None:
    plan = world.get("plan", plan_id)
    cycles = {one["sequence"]: one for one in plan["billing_cycles"]}
    for given in schemes:
        cycle, scheme = cycles.get(given["billing_cycle_sequence"]), given["pricing_scheme"]
        if cycle is None:
            text = "The provided billing cycle sequence is not available."
            raise unfit("INVALID_BILLING_CYCLE_SEQUENCE", text)
        if "fixed_price" not in scheme:
            raise no_part("/pricing_schemes without a fixed_price")
        if scheme["fixed_price"]["currency_code"] != currency_of(plan):
            text = "The currency code is different from the plan's currency code."
            raise unfit("CURRENCY_MISMATCH", text)
        old = cycle.get("pricing_scheme", {"version": 0, "create_time": stamp(world.now())})
        cycle["pricing_scheme"] = {
            **old,
            **scheme,
            "version": old["version"] + 1,
            "update_time": stamp(world.now()),
        }
    _told(world, plan, "BILLING.PLAN.PRICING-CHANGE.ACTIVATED", "A price change was activated.")


PRODUCTS, PLANS = "/v1/catalogs/products", "/v1/billing/plans"
BY_PLAN = {**request_checks.PAGES, "product_id": text(6, 50), "plan_ids": text(3, 270)}
ROUTES = [
    Route("POST", PRODUCTS, _create_product, PRODUCT, spec="products", keyed=True),
    Route("GET", PRODUCTS, _list_products, query=request_checks.PAGES, spec="products"),
    Route("GET", f"{PRODUCTS}/{{product_id}}", _get_product, spec="products"),
    Route("PATCH", f"{PRODUCTS}/{{product_id}}", _patch_product, request_checks.PATCHES, spec="products"),
    Route("POST", PLANS, _create_plan, PLAN, spec="subscriptions", keyed=True),
    Route("GET", PLANS, _list_plans, query=BY_PLAN, spec="subscriptions"),
    Route("GET", f"{PLANS}/{{id}}", _get_plan, spec="subscriptions"),
    Route("PATCH", f"{PLANS}/{{id}}", _patch_plan, request_checks.PATCHES, spec="subscriptions"),
    Route("POST", f"{PLANS}/{{id}}/activate", _activate, spec="subscriptions", bodyless=True),
    Route("POST", f"{PLANS}/{{id}}/deactivate", _deactivate, spec="subscriptions", bodyless=True),
    Route("POST", f"{PLANS}/{{id}}/update-pricing-schemes", _update_prices, SCHEMES, spec="subscriptions"),
]
