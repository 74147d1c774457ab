"""The pace towards a Stripe that limits calls, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from standins.stripe import StripeServer

pytestmark = pytest.mark.paced


async def test_calls_at_once_stay_within_stripes_limits_and_slow_down_where_these_are_lower() -> None:
    clock = MovableClock()
    async with StripeServer(clock, "sk_live_local") as server:
        price = server.add_price(server.add_product("Gold"), 500)["id"]
        provider = StripeProvider("sk_live_local", ("whsec_one",), server.url, clock)
        found = await asyncio.gather(*(provider.fetch_price(price) for _ in range(15)))
        assert {one.id for one in found} == {price}
        assert (server.limits.refused, provider.pace.share) == (0, 1.0)
        server.limits.endpoint = 3
        await asyncio.gather(*(provider.fetch_price(price) for _ in range(4)))
        assert server.limits.refused == provider.pace.limited > 0
        assert provider.pace.share < 1
        await provider.close()
