"""The providers that must all pass this suite. A further one joins by a line in PROVIDERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.contract.providers.fake import fake_surroundings
from tests.contract.providers.harness import Surroundings
from tests.contract.providers.paypal import paypal_surroundings
from tests.contract.providers.stripe import stripe_surroundings

PROVIDERS: dict[str, Callable[[], AbstractAsyncContextManager[Surroundings]]] = {
    "stripe": stripe_surroundings,
    "paypal": paypal_surroundings,
    "fake": fake_surroundings,
}


@pytest.fixture(params=list(PROVIDERS.values()), ids=list(PROVIDERS))
async def there(request: pytest.FixtureRequest) -> AsyncIterator[Surroundings]:
    """Fresh surroundings of each provider."""
    async with request.param() as surroundings:
        yield surroundings
