"""A started stand-in, a real client for it, an endpoint that keeps what it is sent, and the checker on it all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stripe
from aiohttp import web

from sandbox.clock import MovableClock
from sandbox.stripe import StripeServer
from sandbox.stripe.conformance import Conformance

KEY = "sk_test_local"
SPECS = Path(os.environ.get("DUES_SPECS") or Path(__file__).parents[4] / "shared" / "specs")


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
        return web.Response(status=self.answer)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def fake(clock: MovableClock) -> AsyncIterator[StripeServer]:
    """Every exchange and every event is held to the stripe package's classes and Stripe's fixtures."""
    checker = Conformance.with_fixtures(SPECS / "stripe_fixtures3.json")
    async with StripeServer(clock, KEY, watch=checker) as server:
        yield server
    for event in server.events:
        checker.event(event)
    assert checker.problems == []


@pytest.fixture
async def client(fake: StripeServer) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.AIOHTTPClient()
    yield stripe.StripeClient(KEY, base_addresses={"api": fake.url}, http_client=http)
    await http.close_async()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


@pytest.fixture
async def gold(fake: StripeServer) -> Any:
    """5.00 USD a month."""
    return fake.add_price(fake.add_product("Gold"), 500)


async def subscribe(client: stripe.StripeClient, fake: StripeServer, price: Any, **more: Any) -> Any:
    """A paid checkout's subscription."""
    session = await client.v1.checkout.sessions.create_async(
        {"mode": "subscription", "line_items": [{"price": price["id"], "quantity": 1}], **more}
    )
    fake.pay_checkout(session.id)
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    return await client.v1.subscriptions.retrieve_async(str(done.subscription))
