"""Stripe's API for the customer portal: configurations and sessions."""

from __future__ import annotations

from typing import Any

from standins.stripe.cancel import OVER
from standins.stripe.customer_lookup import living
from standins.stripe.errors import StripeRefusal, invalid, required
from standins.stripe.routes import PAGING, Route, get, page, post, retrieve
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id, token

MOST_PRODUCTS = 10
IDLE = 300  # seconds: a link is valid for five minutes until it is opened, then for an hour after each use
LIVES = 3600


def default_features() -> Obj:
    """Return the portal's features, all switched off, in the form in which the API shows them."""
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": [],
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def create_configuration(world: World, given: Obj) -> Obj:
    configuration: Obj = {
        "id": new_id("bpc"),
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": blank("headline privacy_policy_url terms_of_service_url"),
        "created": world.now(),
        "default_return_url": None,
        "features": default_features(),
        "is_default": False,
        "livemode": world.livemode,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": world.now(),
    }
    _apply(world, configuration, given)
    world.add(configuration)
    world.emit("billing_portal.configuration.created", configuration)
    return configuration


def update_configuration(world: World, given: Obj, configuration_id: str) -> Obj:
    configuration = world.get("billing_portal.configuration", configuration_id)
    if configuration["is_default"] and given.get("active") is False:
        raise StripeRefusal(400, "You cannot deactivate the default configuration.", param="active")
    with world.changing(configuration, "billing_portal.configuration.updated"):
        _apply(world, configuration, given)
        configuration["updated"] = world.now()
    return configuration


def _apply(world: World, configuration: Obj, given: Obj) -> None:
    features = {name: {**old} for name, old in configuration["features"].items()}
    for name, change in given.get("features", {}).items():
        features[name].update({key: [] if value == "" else value for key, value in change.items()})
    _check(world, features)
    configuration["features"] = features
    for key, value in (given.get("business_profile") or {}).items():
        configuration["business_profile"][key] = value or None
    for key in ("default_return_url", "name", "active"):
        if key in given:
            configuration[key] = None if given[key] == "" else given[key]
    if "login_page" in given:
        on = given["login_page"]["enabled"]
        configuration["login_page"] = {
            "enabled": on,
            "url": f"{world.url}/p/login/{token(16)}" if on else None,
        }
    merge_metadata(configuration, given.get("metadata"))


def _check(world: World, features: Obj) -> None:
    at = "features[{}]".format
    customer, cancel = features["customer_update"], features["subscription_cancel"]
    if customer["enabled"] and not customer["allowed_updates"]:
        raise required(at("customer_update") + "[allowed_updates]")
    if cancel["proration_behavior"] == "always_invoice":
        raise invalid(
            "always_invoice cannot be used here.", at("subscription_cancel") + "[proration_behavior]"
        )
    if cancel["mode"] == "at_period_end" and cancel["proration_behavior"] == "create_prorations":
        raise invalid(
            "proration_behavior can only be set to create_prorations when mode is immediately.",
            at("subscription_cancel") + "[proration_behavior]",
        )
    if cancel["cancellation_reason"]["enabled"] and not cancel["cancellation_reason"]["options"]:
        raise required(at("subscription_cancel") + "[cancellation_reason][options]")
    if features["subscription_update"]["enabled"]:
        _check_switching(world, features["subscription_update"], at("subscription_update"))


def _check_switching(world: World, feature: Obj, at: str) -> None:
    if not feature["default_allowed_updates"]:
        raise required(f"{at}[default_allowed_updates]")
    if not feature["products"]:
        raise required(f"{at}[products]")
    if len(feature["products"]) > MOST_PRODUCTS:
        raise invalid(f"You can offer at most {MOST_PRODUCTS} products.", f"{at}[products]")
    for n, entry in enumerate(feature["products"]):
        world.get("product", entry["product"], f"{at}[products][{n}][product]")
        entry.setdefault("adjustable_quantity", {"enabled": False, "maximum": None, "minimum": 1})
        _check_prices(world, entry, f"{at}[products][{n}][prices]")


def _check_prices(world: World, entry: Obj, at: str) -> None:
    if not entry["prices"]:
        raise required(at)
    seen = set()
    for n, name in enumerate(entry["prices"]):
        price = world.get("price", name, f"{at}[{n}]")
        if price["product"] != entry["product"]:
            raise invalid(
                f"The price {name} does not belong to the product {entry['product']}.", f"{at}[{n}]"
            )
        if not price["recurring"] or not price["active"]:
            raise invalid(f"The price {name} must be active and recurring.", f"{at}[{n}]")
        seen.add((price["recurring"]["interval"], price["recurring"]["interval_count"], price["currency"]))
    if len(seen) < len(entry["prices"]):
        raise invalid("The prices of a product must differ in their billing interval.", at)


def list_configurations(world: World, given: Obj) -> Obj:
    rows = world.all(
        "billing_portal.configuration", **{k: given[k] for k in ("active", "is_default") if k in given}
    )
    return page(rows, given, "/v1/billing_portal/configurations")


def create_portal_session(world: World, given: Obj) -> Obj:
    if "customer" not in given:
        raise required("customer")
    customer = living(world, given["customer"], "customer")
    configuration = _configuration(world, given.get("configuration"))
    flow = _flow(world, configuration, customer, given.get("flow_data"))
    secret = f"{'live' if world.livemode else 'test'}_{token(56)}"
    session = world.add(
        {
            "id": new_id("bps"),
            "object": "billing_portal.session",
            "configuration": configuration["id"],
            "created": world.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": flow,
            "livemode": world.livemode,
            "locale": given.get("locale"),
            "on_behalf_of": None,
            "return_url": given.get("return_url") or configuration["default_return_url"],
            "url": f"{world.url}/p/session/{secret}",
        }
    )
    world.hidden[secret] = session
    world.hidden[("until", session["id"])] = world.now() + IDLE
    world.emit("billing_portal.session.created", session)
    return session


def _configuration(world: World, name: str | None) -> Obj:
    if name:
        found = world.get("billing_portal.configuration", name, "configuration")
        if not found["active"]:
            raise invalid("The configuration is not active.", "configuration")
        return found
    defaults = world.all("billing_portal.configuration", is_default=True)
    if not defaults:
        mode = "live" if world.livemode else "test"
        raise StripeRefusal(
            400,
            "No configuration provided and your "
            f"{mode} mode default configuration has not been created. Provide a configuration or create your "
            "default by saving your customer portal settings.",
        )
    return defaults[0]


FLOWS = {  # flow type: the feature that it needs
    "payment_method_update": "payment_method_update",
    "subscription_cancel": "subscription_cancel",
    "subscription_update": "subscription_update",
    "subscription_update_confirm": "subscription_update",
    "subscription_pause": "subscription_pause",
    "customer_update": "customer_update",
}


def _flow(world: World, configuration: Obj, customer: Obj, given: Obj | None) -> Obj | None:
    if given is None:
        return None
    kind = given["type"]
    feature = configuration["features"][FLOWS[kind]]
    if not feature["enabled"]:
        raise invalid(
            f"The flow {kind} needs the feature {FLOWS[kind]}, which is disabled in the configuration "
            f"{configuration['id']}.",
            "flow_data[type]",
        )
    own: Any = given.get(kind)
    if kind.startswith("subscription_"):
        if own is None:
            raise required(f"flow_data[{kind}]")
        _check_flow_subscription(world, customer, own["subscription"], kind)
    flow: Obj = blank("customer_update subscription_cancel subscription_pause subscription_update")
    flow |= {"subscription_update_confirm": None, "type": kind}
    if kind == "subscription_cancel":
        own = {"retention": None, **own}
    if kind == "subscription_update_confirm":
        own = {"discounts": None, **own}
    if kind.startswith("subscription_"):
        flow[kind] = own
    done = given.get("after_completion") or {"type": "portal_homepage"}
    flow["after_completion"] = blank("hosted_confirmation redirect") | done
    return flow


def _check_flow_subscription(world: World, customer: Obj, name: str, kind: str) -> None:
    param = f"flow_data[{kind}][subscription]"
    subscription = world.get("subscription", name, param)
    if subscription["customer"] != customer["id"]:
        raise invalid(f"The subscription {name} does not belong to the customer {customer['id']}.", param)
    if subscription["status"] in OVER:
        raise invalid(f"The subscription {name} is {subscription['status']} and cannot be changed.", param)
    if kind == "subscription_cancel" and subscription["cancel_at"]:
        raise invalid(f"The subscription {name} is already set to be canceled.", param)


PROFILE = "business_profile default_return_url features login_page metadata name"

ROUTES: list[Route] = [
    post(
        "/v1/billing_portal/configurations",
        "billing_portal.ConfigurationCreateParams",
        create_configuration,
        PROFILE,
    ),
    retrieve(
        "billing_portal.configuration",
        "/v1/billing_portal/configurations/{id}",
        "billing_portal.ConfigurationRetrieveParams",
    ),
    post(
        "/v1/billing_portal/configurations/{id}",
        "billing_portal.ConfigurationUpdateParams",
        update_configuration,
        PROFILE + " active",
    ),
    get(
        "/v1/billing_portal/configurations",
        "billing_portal.ConfigurationListParams",
        list_configurations,
        PAGING + "active is_default",
    ),
    post(
        "/v1/billing_portal/sessions",
        "billing_portal.SessionCreateParams",
        create_portal_session,
        "configuration customer flow_data locale return_url",
    ),
]
