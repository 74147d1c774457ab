"""The providers that must all pass this suite. To add another one, add a line to PROVIDERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from billing.ports import Provider
from providers.paypal.provider import PayPalProvider
from providers.stripe.provider import StripeProvider
from tests.contract.providers.fake import fake_surroundings
from tests.contract.providers.fake_provider import FakeProvider
from tests.contract.providers.harness import CustomersToo, Surroundings
from tests.contract.providers.paypal import paypal_surroundings, sparse_paypal_surroundings
from tests.contract.providers.stripe import stripe_surroundings

Made = Callable[[], AbstractAsyncContextManager[Any]]

PROVIDERS: dict[str, tuple[type[Provider], Made]] = {
    "stripe": (StripeProvider, stripe_surroundings),
    "paypal": (PayPalProvider, paypal_surroundings),
    "sparse paypal": (PayPalProvider, sparse_paypal_surroundings),
    "fake": (FakeProvider, fake_surroundings),
}
KEEPING = [name for name, (provider, _) in PROVIDERS.items() if provider.keeps_period]
ENDING = [name for name in PROVIDERS if name not in KEEPING]
# Not PayPal: a payer's account there is their own, and the owner cannot delete it.
DELETING = ["stripe", "fake"]


@pytest.fixture(params=PROVIDERS)
async def there(request: pytest.FixtureRequest) -> AsyncIterator[Surroundings]:
    """Fresh surroundings of each provider."""
    async with PROVIDERS[request.param][1]() as surroundings:
        yield surroundings


@pytest.fixture(params=KEEPING)
async def keeping(request: pytest.FixtureRequest) -> AsyncIterator[Surroundings]:
    """Surroundings of each provider that can cancel at the period's end."""
    async with PROVIDERS[request.param][1]() as surroundings:
        yield surroundings


@pytest.fixture(params=ENDING)
async def ending(request: pytest.FixtureRequest) -> AsyncIterator[Surroundings]:
    """Surroundings of each provider that ends a subscription at once."""
    async with PROVIDERS[request.param][1]() as surroundings:
        yield surroundings


@pytest.fixture(params=DELETING)
async def deleting(request: pytest.FixtureRequest) -> AsyncIterator[CustomersToo]:
    """Surroundings of each provider where the owner can delete a customer."""
    async with PROVIDERS[request.param][1]() as surroundings:
        yield surroundings
