"""A started stand-in with the checker on it, a plain client, and a listener that keeps what it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.conformance import Conformance
from tests.standins.paypal.helpers import Client, Receiver


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def fake(clock: MovableClock) -> AsyncIterator[PayPalServer]:
    """Checks every exchange and event against PayPal's documents, if they are installed."""
    checker = Conformance.load()
    async with PayPalServer(clock, "client", "secret", watch=checker) as server:
        yield server
    if checker:
        for event in server.events:
            checker.event(event)
        assert checker.problems == []


@pytest.fixture
async def client(fake: PayPalServer) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(fake, session)


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
async def gold(fake: PayPalServer) -> Any:
    """A plan for 5.00 USD a month."""
    return fake.add_plan(fake.add_product("Gold"), "5.00")
