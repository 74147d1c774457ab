"""Stripe's thin events: v2 notifications that name an object without containing it.

Source: docs.stripe.com/event-destinations#benefits-of-thin-events (read 2026-11). The shape is that of the
stripe package's EventNotification.
"""

from __future__ import annotations

from datetime import UTC, datetime

from standins.stripe.state import Obj, World, new_id

PLACES = {  # object: the path to fetch it from
    "subscription": "/v1/subscriptions/{}",
    "customer": "/v1/customers/{}",
    "invoice": "/v1/invoices/{}",
    "checkout.session": "/v1/checkout/sessions/{}",
    "charge": "/v1/charges/{}",
    "dispute": "/v1/disputes/{}",
    "price": "/v1/prices/{}",
    "product": "/v1/products/{}",
    "refund": "/v1/refunds/{}",
    "payment_intent": "/v1/payment_intents/{}",
}


def thin_event(world: World, event: Obj) -> Obj:
    """Return the thin notification for `event`, which stays available under /v2/core/events."""
    subject = event["data"]["object"]
    created = datetime.fromtimestamp(event["created"], UTC)
    place = PLACES.get(subject["object"])
    notification: Obj = {
        "id": new_id("evt_test", 28),
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": world.livemode,
        "context": None,
        "reason": None,
        "snapshot_event": event["id"],
        "related_object": None,
    }
    if place:
        kind, name = subject["object"], subject["id"]
        notification["related_object"] = {"id": name, "type": kind, "url": place.format(name)}
    world.hidden[notification["id"]] = notification
    return notification
