"""The stand-in for Stripe, and a small responder for answers that the stand-in would never give."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from tests.contract.providers.stripe import StripeSurroundings, stripe_surroundings
from tests.providers.stripe.responder import Responder


@pytest.fixture
async def there() -> AsyncIterator[StripeSurroundings]:
    async with stripe_surroundings() as surroundings:
        yield surroundings


@pytest.fixture
async def responder() -> AsyncIterator[Responder]:
    found = Responder()
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def stripe_at(responder: Responder) -> AsyncIterator[StripeProvider]:
    """The provider in front of the responder."""
    found = StripeProvider("sk_test_key_1234", ("whsec_one",), responder.url, MovableClock())
    yield found
    await found.close()
