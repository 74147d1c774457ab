from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.conformance import Conformance
from tests.contract.providers.harness import Sink

CLIENT, SECRET = "client-of-tests", "hush-hush-secret"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A listener that keeps the notifications that it receives."""
    found = Sink()
    runner = await found.start()
    yield found
    await runner.cleanup()


@pytest.fixture
async def fake(clock: MovableClock, sink: Sink) -> AsyncIterator[PayPalServer]:
    """The stand-in with one webhook; exchanges are checked against PayPal's documents if installed."""
    documents = Conformance.load()
    async with PayPalServer(clock, CLIENT, SECRET, watch=documents) as server:
        server.add_webhook(sink.url)
        yield server
    assert documents is None or documents.problems == []


def hook_of(fake: PayPalServer) -> Any:
    return fake.world.all("webhook")[0]


def provider_at(fake: PayPalServer, clock: MovableClock, **more: Any) -> PayPalProvider:
    facts: dict[str, Any] = {"ca_file": fake.ca_file, **more}
    return PayPalProvider(CLIENT, SECRET, (hook_of(fake)["id"],), fake.url, clock, **facts)


@pytest.fixture
async def provider(fake: PayPalServer, clock: MovableClock) -> AsyncIterator[PayPalProvider]:
    found = provider_at(fake, clock)
    yield found
    await found.close()
