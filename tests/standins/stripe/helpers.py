"""Helpers of the tests of the local Stripe."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import stripe
from aiohttp import web

from standins.stripe import StripeServer

KEY = "sk_test_local"


@dataclass
class Receiver:
    """A webhook endpoint of its own; `answer` is what it says to each delivery."""

    url: str = ""
    answer: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        self.arrived.set()
        # A redirect leads somewhere good, so that following it would show.
        return web.Response(status=self.answer, headers={"Location": "/fine"})

    async def fine(self, request: web.Request) -> web.Response:
        return web.Response()


async def close(http: Any) -> None:
    """The package leaves its close_async without types."""
    await http.close_async()


async def subscribe(client: stripe.StripeClient, fake: StripeServer, price: Any, **more: Any) -> Any:
    """A paid checkout's subscription."""
    given: Any = {"mode": "subscription", "line_items": [{"price": price["id"], "quantity": 1}], **more}
    session = await client.v1.checkout.sessions.create_async(given)
    fake.pay_checkout(session.id)
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    return await client.v1.subscriptions.retrieve_async(str(done.subscription))
