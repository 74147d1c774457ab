"""PayPal's surroundings: the sandbox's stand-in, held to PayPal's documents where they are at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from billing.model import Subscription
from billing.ports import Provider
from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.conformance import Conformance
from standins.paypal.state import Settings
from tests.contract.providers.harness import Sink

CLIENT, SECRET = "contract-client", "contract-secret"


class PayPalSurroundings:
    def __init__(self, server: PayPalServer, clock: MovableClock, sink: Sink) -> None:
        self.server = server
        self.clock = clock
        self.arrived = sink.arrived
        self.hook = server.add_webhook(sink.url)
        self.provider: Provider = PayPalProvider(
            CLIENT, SECRET, (self.hook["id"],), server.url, clock, ca_file=server.ca_file
        )

    def sell(self, amount: int = 500, trial_days: int = 0) -> str:
        more: dict[str, Any] = {"trials": [("0", "DAY", trial_days)]} if trial_days else {}
        plan = self.server.add_plan(self.server.add_product("Gold"), f"{amount / 100:.2f}", **more)
        plan_id: str = plan["id"]
        return plan_id

    def known(self) -> list[str]:
        return [one.id for one in self.server.world.all("subscription")]

    def pay(self, url: str) -> None:
        self.server.approve(url)

    async def settle(self) -> None:
        await self.server.settle()

    def fail_next_payment(self) -> None:
        self.server.dashboard.fail_next_payment(times=20)

    def dispute(self, subscription: Subscription) -> str:
        sale = self.server.dashboard.last_sale(subscription.key.id)
        dispute_id: str = self.server.dashboard.dispute(sale.id)["dispute_id"]
        return dispute_id

    def win(self, dispute_id: str) -> None:
        self.server.dashboard.win(dispute_id)

    def refund_part(self, subscription: Subscription, amount: int) -> None:
        sale = self.server.dashboard.last_sale(subscription.key.id)
        self.server.dashboard.refund(sale.id, f"{amount / 100:.2f}")

    def go_silent(self) -> None:
        self.server.faults.add("cut_before", times=None)

    def lose_answer_to_change(self) -> None:
        # The bot repeats requests with an idempotency key, so their answers are lost again, too.
        self.server.faults.add("cut_after", method="POST", times=3)


@asynccontextmanager
async def paypal_surroundings() -> AsyncIterator[PayPalSurroundings]:
    async with _surroundings(Settings()) as there:
        yield there


@asynccontextmanager
async def sparse_paypal_surroundings() -> AsyncIterator[PayPalSurroundings]:
    """The same where PayPal tells no more than its documents promise."""
    async with _surroundings(Settings(sparse=True)) as there:
        yield there


@asynccontextmanager
async def _surroundings(settings: Settings) -> AsyncIterator[PayPalSurroundings]:
    clock, sink, documents = MovableClock(), Sink(), Conformance.load()
    runner = await sink.start()
    async with PayPalServer(clock, CLIENT, SECRET, settings=settings, watch=documents) as server:
        there = PayPalSurroundings(server, clock, sink)
        yield there
        await there.provider.close()
    await runner.cleanup()
    assert documents is None or not documents.problems
