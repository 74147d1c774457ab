"""Stripe's surroundings: the sandbox's stand-in, with every exchange held to the stripe package's types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from billing.model import Subscription
from billing.ports import Provider
from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from standins.stripe import StripeServer
from standins.stripe.conformance import Conformance
from tests.contract.providers.harness import Sink

KEY = "sk_test_contract"


class StripeSurroundings:
    def __init__(self, server: StripeServer, clock: MovableClock, sink: Sink) -> None:
        self.server = server
        self.clock = clock
        self.arrived = sink.arrived
        self.endpoint = server.add_endpoint(sink.url)
        self.provider: Provider = StripeProvider(KEY, (self.endpoint["secret"],), server.url, clock)

    def sell(self, amount: int = 500, trial_days: int = 0) -> str:
        more: dict[str, Any] = {"trial_period_days": trial_days} if trial_days else {}
        price_id: str = self.server.add_price(self.server.add_product("Gold"), amount, **more)["id"]
        return price_id

    def known(self) -> list[str]:
        return []

    def pay(self, url: str) -> None:
        self.server.pay_checkout(url)

    async def settle(self) -> None:
        await self.server.settle()

    def fail_next_payment(self) -> None:
        self.server.dashboard.fail_next_payment(times=20)

    def dispute(self, subscription: Subscription) -> str:
        charge = self.server.dashboard.last_charge(subscription.key.id)
        dispute_id: str = self.server.dashboard.dispute(charge["id"])["id"]
        return dispute_id

    def win(self, dispute_id: str) -> None:
        self.server.dashboard.win(dispute_id)

    def refund_part(self, subscription: Subscription, amount: int) -> None:
        charge = self.server.dashboard.last_charge(subscription.key.id)
        self.server.dashboard.refund(charge["id"], amount)

    def forget_customer(self, customer_id: str) -> None:
        self.server.dashboard.delete_customer(customer_id)

    def go_silent(self) -> None:
        self.server.faults.add("cut_before", times=None)

    def lose_answer_to_change(self) -> None:
        # The SDK asks again under the same key, and aiohttp where a kept connection breaks: lost too.
        self.server.faults.add("cut_after", method="POST", times=3)
        self.server.faults.add("cut_after", method="DELETE", times=2)


@asynccontextmanager
async def stripe_surroundings() -> AsyncIterator[StripeSurroundings]:
    clock, sink, types = MovableClock(), Sink(), Conformance()
    runner = await sink.start()
    async with StripeServer(clock, KEY, watch=types) as server:
        there = StripeSurroundings(server, clock, sink)
        yield there
        await there.provider.close()
    await runner.cleanup()
    assert not types.problems
