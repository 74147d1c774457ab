"""Delivers PayPal's webhook notifications: selects the webhooks, and serialises and signs the events.

A failed delivery is repeated up to 25 times over three days (developer.paypal.com/api/rest/webhooks, read
2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from standins import delivery as shared
from standins.delivery import Attempt, Delivery, DeliveryFaults
from standins.paypal.signing import Message
from standins.paypal.state import Obj, World

MINUTE = 60
# Seconds between the 25 attempts: doubling at first, then every four hours, within three days.
BACKOFF = tuple(min(MINUTE * 2**n, 4 * 3600 - MINUTE) for n in range(25))

Signer = Callable[[bytes, str], Message]  # gets the body and the webhook's id


def written(event: Obj) -> bytes:
    """Serialise an event as PayPal does: compact, with escaped slashes.

    A body that is parsed and dumped again no longer matches its signature.
    """
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/").encode()


class Deliverer(shared.Deliverer):
    def __init__(self, world: World, tell: Callable[[str, object], None], sign: Signer) -> None:
        super().__init__(world.clock, tell, BACKOFF, DeliveryFaults())
        self.world, self.sign = world, sign

    def on_event(self, event: Obj) -> None:
        for webhook in self.world.all("webhook"):
            names = {one["name"] for one in webhook["event_types"]}
            if names & {"*", event["event_type"]}:
                self.plan(Delivery(event, webhook, written(event)))

    def resend(self, event: Obj, webhooks: list[Obj]) -> None:
        for webhook in webhooks:
            self.plan_again(Delivery(event, webhook, written(event)))

    async def send(self, delivery: Delivery) -> Attempt:
        message = self.sign(delivery.body, delivery.hook["id"])
        status, error = await self.post(delivery.hook["url"], message.body, message.headers)
        return Attempt(message.moment, status, error)
