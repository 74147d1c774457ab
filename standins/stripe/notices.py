"""Stripe's API for events, webhook endpoints and the account itself."""

from __future__ import annotations

import fnmatch
from typing import get_args
from urllib.parse import urlsplit

import stripe

from standins.stripe.errors import StripeRefusal, invalid, missing
from standins.stripe.routes import PAGING, Route, delete, get, list_of, page, post
from standins.stripe.state import DAY, Obj, World, blank, merge_metadata, new_id, token

EVENT_TYPES = frozenset(get_args(stripe.Event.__annotations__["type"]))
KEPT = 30 * DAY  # docs.stripe.com/api/events
MOST_ENDPOINTS = 16
MOST_TYPES = 20  # stripe.params.EventListParams, `types`


def recent(world: World) -> list[Obj]:
    return [event for event in world.all("event") if event["created"] >= world.now() - KEPT]


def list_events(world: World, given: Obj) -> Obj:
    rows = recent(world)
    if "type" in given and "types" in given:
        raise invalid("You may pass either type or types, not both.", "type")
    if len(given.get("types") or []) > MOST_TYPES:
        raise invalid(f"You may pass at most {MOST_TYPES} types.", "types")
    patterns = given.get("types") or [given.get("type", "*")]
    rows = [row for row in rows if any(fnmatch.fnmatchcase(row["type"], one) for one in patterns)]
    if "delivery_success" in given:
        rows = [row for row in rows if (row["pending_webhooks"] == 0) is given["delivery_success"]]
    return page(rows, given, "/v1/events")


def retrieve_event(world: World, given: Obj, event_id: str) -> Obj:
    event = world.get("event", event_id)
    if event["created"] < world.now() - KEPT:
        raise missing("event", event_id)
    return event


def create_endpoint(world: World, given: Obj) -> Obj:
    if len(world.all("webhook_endpoint")) >= MOST_ENDPOINTS:
        raise StripeRefusal(400, f"You have reached the maximum of {MOST_ENDPOINTS} test webhook endpoints.")
    _check_endpoint(world, given)
    endpoint = world.add(
        {
            "id": new_id("we"),
            "object": "webhook_endpoint",
            "api_version": given.get("api_version"),
            "application": None,
            "created": world.now(),
            "description": given.get("description") or None,
            "enabled_events": given["enabled_events"],
            "livemode": world.livemode,
            "metadata": {},
            "status": "enabled",
            "url": given["url"],
        }
    )
    merge_metadata(endpoint, given.get("metadata"))
    world.hidden[endpoint["id"]] = [f"whsec_{token(32)}"]
    return {**endpoint, "secret": world.hidden[endpoint["id"]][0]}  # shown only in this answer


def _check_endpoint(world: World, given: Obj) -> None:
    if "url" in given:
        url = urlsplit(given["url"])
        if url.scheme not in ("http", "https") or not url.hostname:
            raise invalid(
                "Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid"
            )
        if world.livemode and url.scheme != "https":
            raise invalid("Invalid URL: URL must use https in live mode.", "url", "url_invalid")
    for n, name in enumerate(given.get("enabled_events", [])):
        if name != "*" and name not in EVENT_TYPES:
            raise invalid(f"Invalid event type: {name}", f"enabled_events[{n}]")
    if "enabled_events" in given and not given["enabled_events"]:
        raise invalid("An endpoint needs at least one event.", "enabled_events")


def update_endpoint(world: World, given: Obj, endpoint_id: str) -> Obj:
    endpoint = world.get("webhook_endpoint", endpoint_id)
    _check_endpoint(world, given)
    merge_metadata(endpoint, given.get("metadata"))
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    for key in ("description", "enabled_events", "url"):
        if key in given:
            endpoint[key] = given[key] or None
    return endpoint


def delete_endpoint(world: World, given: Obj, endpoint_id: str) -> Obj:
    world.drop(world.get("webhook_endpoint", endpoint_id))
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def retrieve_endpoint(world: World, given: Obj, endpoint_id: str) -> Obj:
    return world.get("webhook_endpoint", endpoint_id)


def rotate_secret(world: World, endpoint: Obj, *, keep_old: bool = True) -> str:
    """Replace the signing secret, and return the new one.

    With `keep_old`, deliveries carry a signature by each.
    """
    fresh = f"whsec_{token(32)}"
    world.hidden[endpoint["id"]] = [fresh, *(world.hidden[endpoint["id"]] if keep_old else [])]
    return fresh


def account(world: World) -> Obj:
    """Return the account; a server has exactly one."""
    found = world.all("account")
    return found[0] if found else world.add(_account(world))


def _account(world: World) -> Obj:
    account_id = new_id("acct", 16)
    needs: Obj = {
        **{key: [] for key in ("alternatives", "currently_due", "errors", "eventually_due", "past_due")},
        **blank("current_deadline disabled_reason"),
        "pending_verification": [],
    }
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {
            **blank("annual_revenue estimated_worker_count mcc minority_owned_business_designation"),
            **blank("product_description support_address support_email support_phone support_url url"),
            "name": world.settings.business_name,
        },
        "business_type": "individual",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": world.settings.country,
        "created": world.now(),
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@example.com",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{account_id}/external_accounts",
        },
        "future_requirements": dict(needs),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": dict(needs),
        "settings": _account_settings(world),
        "tos_acceptance": blank("date ip user_agent"),
        "type": "standard",
    }


def _account_settings(world: World) -> Obj:
    return {
        "bacs_debit_payments": blank("display_name service_user_number"),
        "branding": blank("icon logo primary_color secondary_color"),
        "card_issuing": {"tos_acceptance": blank("date ip")},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": True},
            **blank("statement_descriptor_prefix statement_descriptor_prefix_kana"),
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": world.settings.business_name, "timezone": "Etc/UTC"},
        "invoices": blank("default_account_tax_ids hosted_payment_method_save"),
        "payments": blank(
            "statement_descriptor statement_descriptor_kana statement_descriptor_kanji "
            "statement_descriptor_prefix_kana statement_descriptor_prefix_kanji"
        ),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


ROUTES: list[Route] = [
    get("/v1/events", "EventListParams", list_events, PAGING + "created type types delivery_success"),
    get("/v1/events/{id}", "EventRetrieveParams", retrieve_event),
    post(
        "/v1/webhook_endpoints",
        "WebhookEndpointCreateParams",
        create_endpoint,
        "api_version description enabled_events metadata url",
    ),
    get("/v1/webhook_endpoints/{id}", "WebhookEndpointRetrieveParams", retrieve_endpoint),
    post(
        "/v1/webhook_endpoints/{id}",
        "WebhookEndpointUpdateParams",
        update_endpoint,
        "description disabled enabled_events metadata url",
    ),
    delete("/v1/webhook_endpoints/{id}", "WebhookEndpointDeleteParams", delete_endpoint),
    list_of("webhook_endpoint", "/v1/webhook_endpoints", "WebhookEndpointListParams"),
    get("/v1/account", "AccountRetrieveCurrentParams", lambda world, given: account(world)),
]
