"""Delivers Stripe's webhook events: selects the endpoints, and shapes and signs the bodies.

Source: docs.stripe.com/webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass

from standins import delivery as shared
from standins.delivery import Attempt, Delivery
from standins.stripe.older_shapes import as_version
from standins.stripe.state import Obj, World
from standins.stripe.thin import thin_event

MINUTE, HOUR = 60, 3600
# Seconds between attempts: growing pauses over up to three days.
BACKOFF = (5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR)


@dataclass
class DeliveryFaults(shared.DeliveryFaults):
    """The delivery faults that both payment stand-ins share, and two that only Stripe has."""

    shape: str | None = None  # send every snapshot in this API version, e.g. "2024-06-20"
    thin: bool = False  # send v2.core.event notifications, which only name the object


def sign(body: bytes, secrets: list[str], moment: float) -> str:
    """Return the Stripe-Signature header, with one v1 signature for each secret in use."""
    stamp = str(int(moment))
    signed = stamp.encode() + b"." + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={stamp}", *(f"v1={mark}" for mark in marks)])


class Deliverer(shared.Deliverer):
    faults: DeliveryFaults

    def __init__(self, world: World, tell: Callable[[str, object], None]) -> None:
        super().__init__(world.clock, tell, BACKOFF, DeliveryFaults())
        self.world = world

    def on_event(self, event: Obj) -> None:
        for endpoint in self.world.all("webhook_endpoint", status="enabled"):
            wanted = endpoint["enabled_events"]
            if "*" in wanted or event["type"] in wanted:
                event["pending_webhooks"] += 1
                self.plan(Delivery(event, endpoint, self._body(event, endpoint)))

    def _body(self, event: Obj, endpoint: Obj) -> bytes:
        shown = event
        version = self.faults.shape or endpoint["api_version"]
        if self.faults.thin:
            shown = thin_event(self.world, event)
        elif version and version != event["api_version"]:
            shown = as_version(self.world, event, version)
        # Stripe indents its bodies; receivers must not depend on how the JSON is formatted.
        return json.dumps(shown, indent=2).encode()

    def resend(self, event: Obj) -> None:
        """Send a notification again, as the dashboard's Resend button does."""
        for endpoint in self.world.all("webhook_endpoint", status="enabled"):
            self.plan_again(Delivery(event, endpoint, self._body(event, endpoint)))

    def arrived(self, delivery: Delivery) -> None:
        delivery.event["pending_webhooks"] = max(delivery.event["pending_webhooks"] - 1, 0)

    async def send(self, delivery: Delivery) -> Attempt:
        now, endpoint = self.clock.now(), delivery.hook
        status, error = await self.post_signed(
            endpoint["url"], delivery.body, self.world.hidden[endpoint["id"]], now
        )
        return Attempt(now, status, error)

    async def post_signed(
        self, url: str, body: bytes, secrets: list[str], moment: float
    ) -> tuple[int | None, str | None]:
        """Post a signed body; return (status, None), or (None, error) if no answer came."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, secrets, moment),
        }
        return await self.post(url, body, headers)
