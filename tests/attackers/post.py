"""Notifications as anybody may send them, over a bare socket: headers twice, bytes that are no text, any
body. Rightly signed, unless a case spoils that."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from standins.paypal.signing import Message
from tests.app.harness import AppHarness
from tests.app.sale import paypal_of

PATIENCE = 20
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Letter:
    """A request to a webhook. `length` False sends the body in chunks."""

    provider: str
    body: bytes
    headers: Headers
    length: bool = True

    def head(self) -> bytes:
        """All that comes before the body."""
        size = b"Content-Length: %d" % len(self.body) if self.length else b"Transfer-Encoding: chunked"
        lines = [
            b"POST /webhooks/%b HTTP/1.1" % self.provider.encode(),
            b"Host: dues.example",
            b"Connection: close",
            size,
            *(b"%b: %b" % (name.encode(), value) for name, value in self.headers),
        ]
        return b"\r\n".join([*lines, b"", b""])

    def raw(self) -> bytes:
        """The request as it travels."""
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)
        return self.head() + (self.body if self.length else chunks)

    def but(self, name: str, *values: bytes) -> Letter:
        """With other values of that header, or none."""
        kept = tuple(h for h in self.headers if h[0].casefold() != name.casefold())
        return replace(self, headers=(*kept, *((name, value) for value in values)))

    def and_also(self, name: str, value: bytes) -> Letter:
        """With one header more."""
        return replace(self, headers=(*self.headers, (name, value)))


def stripe_signature(stamp: bytes, body: bytes, secret: str) -> bytes:
    """The value after `v1=` in Stripe's header."""
    return hmac.digest(secret.encode(), stamp + b"." + body, "sha256").hex().encode()


def by_stripe(app: AppHarness, body: bytes, off: float = 0, secret: str | None = None) -> Letter:
    """Signed `off` seconds from now."""
    stamp = b"%d" % (app.clock.now() + off)
    mark = stripe_signature(stamp, body, secret or app.secret)
    return Letter("stripe", body, (("Stripe-Signature", b"t=%b,v1=%b" % (stamp, mark)),))


def by_paypal(app: AppHarness, body: bytes, off: float = 0, hook: str | None = None) -> Letter:
    """The same of PayPal's, for the webhook `hook`."""
    message: Message = paypal_of(app).forger.genuine(body, hook or app.hook, app.clock.now() + off)
    return Letter("paypal", body, tuple((n, v.encode()) for n, v in message.headers.items()))


SIGNED = {"stripe": by_stripe, "paypal": by_paypal}


def event(app: AppHarness, provider: str, subscription_id: object, **changes: Any) -> dict[str, Any]:
    """Tells that a subscription has ended, which is not so."""
    now = int(app.clock.now())
    if provider == "stripe":
        told: dict[str, Any] = {
            "id": "evt_untrue",
            "object": "event",
            "type": "customer.subscription.deleted",
            "created": now,
            "livemode": False,
            "data": {"object": {"id": subscription_id, "object": "subscription", "status": "canceled"}},
        }
    else:
        told = {
            "id": "WH-UNTRUE",
            "event_type": "BILLING.SUBSCRIPTION.CANCELLED",
            "create_time": "2027-01-01T00:00:00Z",
            "resource": {"id": subscription_id, "status": "CANCELLED"},
        }
    return {**told, **changes}


def written(told: Mapping[str, Any]) -> bytes:
    """As a body."""
    return json.dumps(told).encode()


async def send(app: AppHarness, sent: Letter | bytes) -> int:
    """The status of the answer. One who reads it before all is sent may find the line cut behind it."""
    raw = sent.raw() if isinstance(sent, Letter) else sent
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(raw)
        line = await reader.readline()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return int(line.split()[1])
