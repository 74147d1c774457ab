"""The Webhooks API: registers webhooks, lists events, and verifies notifications."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from standins.paypal.errors import PayPalRefusal
from standins.paypal.patching import apply_patches
from standins.paypal.request_checks import (
    PATCHES,
    anything,
    fields,
    query_number,
    query_time,
    rows,
    text,
)
from standins.paypal.routes import Answer, Call, Route
from standins.paypal.signing import ALGORITHM, is_genuine, signed_bytes
from standins.paypal.state import Obj, World, new_id
from standins.paypal.times import parse

MOST = 10  # webhooks per application
LOOPBACK = ("127.0.0.1", "localhost", "::1")
KINDS = {
    "BILLING.PLAN": "CREATED UPDATED ACTIVATED DEACTIVATED PRICING-CHANGE.ACTIVATED",
    "BILLING.SUBSCRIPTION": "CREATED ACTIVATED RE-ACTIVATED UPDATED SUSPENDED CANCELLED EXPIRED "
    "PAYMENT.FAILED",
    "CATALOG.PRODUCT": "CREATED UPDATED",
    "CUSTOMER.DISPUTE": "CREATED UPDATED RESOLVED",
    "PAYMENT.SALE": "COMPLETED REFUNDED REVERSED",
}
EVENT_TYPES = [f"{group}.{name}" for group, names in KINDS.items() for name in names.split()]


def invalid(field: str, issue: str) -> PayPalRefusal:
    """Return a 400 in the shape that only the Webhooks API uses."""
    text = "Invalid request - see details."
    return PayPalRefusal(400, "VALIDATION_ERROR", text, [{"field": field, "issue": issue}])


def create_webhook(world: World, given: Obj) -> Obj:
    _refuse_url(world, given["url"])
    if len(world.all("webhook")) >= MOST:
        raise PayPalRefusal(400, "WEBHOOK_NUMBER_LIMIT_EXCEEDED", f"There are {MOST} webhooks already.")
    webhook = {"id": new_id(), "url": given["url"], "event_types": _types(given["event_types"])}
    found: Obj = world.add("webhook", webhook["id"], webhook)
    return found


def _refuse_url(world: World, url: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOOPBACK):
        raise invalid("url", "Not a valid webhook URL")
    if any(one["url"] == url for one in world.all("webhook")):
        raise PayPalRefusal(400, "WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists.")


def _types(given: list[Obj]) -> list[Obj]:
    for one in given:
        if one["name"] not in (*EVENT_TYPES, "*"):
            raise invalid("event_types", f"Not a valid webhook event name: {one['name']}")
    return [{"name": one["name"], "description": _words(one["name"])} for one in given]


def _words(name: str) -> str:
    return "ALL" if name == "*" else name.replace(".", " ").capitalize()


def show_webhook(world: World, webhook: Obj) -> Obj:
    path = f"/v1/notifications/webhooks/{webhook['id']}"
    links = [world.link(path), world.link(path, "update", "PATCH"), world.link(path, "delete", "DELETE")]
    return {**webhook, "links": links}


def _webhook(world: World, webhook_id: str) -> Obj:
    found: Obj | None = world.find("webhook", webhook_id)
    if found is None:
        raise PayPalRefusal(404, "INVALID_RESOURCE_ID", "Resource id is invalid.")
    return found


def _create(world: World, call: Call) -> Answer:
    return 201, show_webhook(world, create_webhook(world, call.body))


def _list(world: World, _call: Call) -> Answer:
    return 200, {"webhooks": [show_webhook(world, one) for one in world.all("webhook")]}


def _get(world: World, _call: Call, webhook_id: str) -> Answer:
    return 200, show_webhook(world, _webhook(world, webhook_id))


def _patch(world: World, call: Call, webhook_id: str) -> Answer:
    webhook = _webhook(world, webhook_id)

    def url(value: Any) -> None:
        if value != webhook["url"]:
            _refuse_url(world, str(value))
        webhook["url"] = str(value)

    def types(value: Any) -> None:
        webhook["event_types"] = _types(TYPES(value, "/event_types"))

    apply_patches({"/url": ("replace", url), "/event_types": ("replace", types)}, call.body)
    return 200, show_webhook(world, webhook)


def _delete(world: World, _call: Call, webhook_id: str) -> Answer:
    world.tables["webhook"].pop(_webhook(world, webhook_id)["id"])
    return 204, None


def _types_of(world: World, _call: Call, webhook_id: str) -> Answer:
    return 200, {"event_types": _webhook(world, webhook_id)["event_types"]}


def _all_types(_world: World, _call: Call) -> Answer:
    return 200, {"event_types": [{"name": one, "description": _words(one)} for one in EVENT_TYPES]}


def _events(world: World, call: Call) -> Answer:
    """List events, newest first; `count` in the answer is the number on this page."""
    query = call.query
    found = [one for one in reversed(world.all("event")) if _fits(one, query)][: query.get("page_size", 10)]
    return 200, {
        "events": found,
        "count": len(found),
        "links": [world.link("/v1/notifications/webhooks-events")],
    }


def _fits(event: Obj, query: Obj) -> bool:
    at = parse(event["create_time"])
    if not query.get("start_time", at) <= at <= query.get("end_time", at):
        return False
    if query.get("event_type", event["event_type"]) != event["event_type"]:
        return False
    wanted = query.get("transaction_id")
    return wanted in (None, event["resource"].get("id"), event["resource"].get("sale_id"))


def _event(world: World, _call: Call, event_id: str) -> Answer:
    return 200, world.get("event", event_id)


def _resend(world: World, call: Call, event_id: str) -> Answer:
    event = world.get("event", event_id)
    wanted = (call.body or {}).get("webhook_ids") or [one["id"] for one in world.all("webhook")]
    world.send(event, [_webhook(world, one) for one in wanted])
    return 202, event


def _simulate(world: World, call: Call) -> Answer:
    """Send a made-up event.

    If it is sent to a URL instead of a webhook, it is signed for the id WEBHOOK_ID, as at PayPal.
    """
    given = call.body
    if given["event_type"] not in EVENT_TYPES:
        raise invalid("event_type", "Not a valid webhook event name")
    if ("url" in given) == ("webhook_id" in given):
        raise invalid("url", "Give either url or webhook_id")
    sample = {"id": new_id("I-", 12), "status": "ACTIVE"}
    resource_type = "subscription" if ".SUBSCRIPTION." in given["event_type"] else "sale"
    event = world.event(given["event_type"], resource_type, "A simulated event", sample)
    if "webhook_id" in given:
        webhook = _webhook(world, given["webhook_id"])
    else:
        webhook = {"id": "WEBHOOK_ID", "url": given["url"], "event_types": []}
    world.send(event, [webhook])
    return 202, event


def _verify(world: World, call: Call) -> Answer:
    """Verify a notification; the body is taken from the request byte for byte."""
    given = call.body
    event = raw_member(call.raw, "webhook_event")
    good = event is not None and _is_ours(world, given, event)
    return 200, {"verification_status": "SUCCESS" if good else "FAILURE"}


def _is_ours(world: World, given: Obj, event: bytes) -> bool:
    place = f"{world.url}/v1/notifications/certs/"
    known = {place + cert_id: leaf for cert_id, leaf in world.shelf.leaves.items()}
    leaf = known.get(given["cert_url"])
    if leaf is None or given["auth_algo"] != ALGORITHM or not world.find("webhook", given["webhook_id"]):
        return False
    public = leaf.certificate.public_key()
    message = signed_bytes(given["transmission_id"], given["transmission_time"], given["webhook_id"], event)
    return isinstance(public, rsa.RSAPublicKey) and is_genuine(public, given["transmission_sig"], message)


def raw_member(document: bytes, name: str) -> bytes | None:
    """Return the raw bytes of one member of a JSON object; None if it has no such member."""
    text, decoder, at = document.decode(), json.JSONDecoder(), document.decode().index("{") + 1
    while match := re.compile(r'[\s,]*(?=")').match(text, at):
        key, at = decoder.raw_decode(text, match.end())
        start = re.compile(r"\s*:\s*").match(text, at)
        if start is None:
            return None
        _, at = decoder.raw_decode(text, start.end())
        if key == name:
            return text[start.end() : at].encode()
    return None


TYPES = rows(
    fields("name", name=text(1, 100), description=text(0, 500), status=text(), resource_versions=anything),
    500,
)
WEBHOOK = fields("url event_types", url=text(1, 2048), event_types=TYPES)
RESEND = fields(webhook_ids=rows(text(1, 50), 500))
SIMULATE = fields(
    "event_type",
    webhook_id=text(1, 50, "^[a-zA-Z0-9]+$"),
    url=text(1, 2048),
    event_type=text(1, 50),
    resource_version=text(),
)
VERIFY = fields(
    "auth_algo cert_url transmission_id transmission_sig transmission_time webhook_id webhook_event",
    auth_algo=text(1, 100, "^[a-zA-Z0-9]+$"),
    cert_url=text(1, 500),
    transmission_id=text(1, 50),
    transmission_sig=text(1, 500),
    transmission_time=text(1, 100),
    webhook_id=text(1, 50, "^[a-zA-Z0-9]+$"),
    webhook_event=anything,
)
HOOKS, EVENTS = "/v1/notifications/webhooks", "/v1/notifications/webhooks-events"
FILTERS = {
    "page_size": query_number(1, 300),
    "start_time": query_time,
    "end_time": query_time,
    "transaction_id": text(1, 100),
    "event_type": text(1, 100),
}
ROUTES = [
    Route("POST", HOOKS, _create, WEBHOOK, spec="webhooks"),
    Route("GET", HOOKS, _list, query={"anchor_type": text()}, spec="webhooks"),
    Route("GET", f"{HOOKS}/{{webhook_id}}", _get, spec="webhooks"),
    Route("PATCH", f"{HOOKS}/{{webhook_id}}", _patch, PATCHES, spec="webhooks"),
    Route("DELETE", f"{HOOKS}/{{webhook_id}}", _delete, spec="webhooks"),
    Route("GET", f"{HOOKS}/{{webhook_id}}/event-types", _types_of, spec="webhooks"),
    Route("GET", "/v1/notifications/webhooks-event-types", _all_types, spec="webhooks"),
    Route("GET", EVENTS, _events, query=FILTERS, spec="webhooks"),
    Route("GET", f"{EVENTS}/{{event_id}}", _event, spec="webhooks"),
    Route("POST", f"{EVENTS}/{{event_id}}/resend", _resend, RESEND, spec="webhooks", bodyless=True),
    Route("POST", "/v1/notifications/simulate-event", _simulate, SIMULATE, spec="webhooks"),
    Route("POST", "/v1/notifications/verify-webhook-signature", _verify, VERIFY, spec="webhooks"),
]
