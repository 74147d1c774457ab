"""A started stand-in with the checker on it, a real client, and an endpoint that keeps what it is sent."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import stripe
from aiohttp import web

from standins.clock import MovableClock
from standins.stripe import StripeServer
from standins.stripe.conformance import Conformance
from tests.standins.stripe.helpers import KEY, Receiver, close

SPECS = Path(os.environ.get("DUES_SPECS") or Path(__file__).parents[4] / "shared" / "specs")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def fake(clock: MovableClock) -> AsyncIterator[StripeServer]:
    """Checks every exchange and event against the stripe package's classes and Stripe's fixtures."""
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
    await close(http)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    app.router.add_route("*", "/fine", found.fine)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


@pytest.fixture
async def gold(fake: StripeServer) -> Any:
    """A price of 5.00 USD a month."""
    return fake.add_price(fake.add_product("Gold"), 500)
