"""The adapter reads Stripe's deliveries."""

from __future__ import annotations

import pytest

from providers.stripe.provider import StripeProvider
from tests.contract.providers.harness import buy
from tests.contract.providers.stripe import StripeSurroundings


@pytest.mark.parametrize("shape", ["thin", "2024-06-20", "2020-08-27"])
async def test_stripe_deliveries_of_every_shape_are_accepted(there: StripeSurroundings, shape: str) -> None:
    there.server.delivery_faults.thin = shape == "thin"
    there.server.delivery_faults.shape = None if shape == "thin" else shape
    bought = await buy(there)
    rung: set[str] = set()
    for body, headers in there.arrived:
        for event in await there.provider.authenticate(body, headers, there.clock.now()):
            if event.subject is not None:
                rung.update(await there.provider.locate(event.subject))
    assert rung == {bought.key.id}


async def test_both_webhook_secrets_work_during_a_rotation(there: StripeSurroundings) -> None:
    there.server.dashboard.rotate_secret(there.endpoint["id"])
    await buy(there)
    assert there.arrived
    for body, headers in there.arrived:
        assert await there.provider.authenticate(body, headers, there.clock.now())


async def test_live_events_are_ignored_in_test_mode(there: StripeSurroundings) -> None:
    await buy(there)
    body, headers = there.arrived[-1]
    live = StripeProvider("sk_live_1", (there.endpoint["secret"],), there.server.url, there.clock)
    assert await live.authenticate(body, headers, there.clock.now()) == []
    await live.close()
