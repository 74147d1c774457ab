"""The shipped fake's surroundings: nothing but itself, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billing.model import Subscription
from billing.ports import Provider
from standins.clock import MovableClock
from tests.contract.providers.fake_provider import FakeProvider


class FakeSurroundings:
    def __init__(self) -> None:
        self.clock = MovableClock()
        self.fake = FakeProvider(self.clock, "secret-of-tests", "http://127.0.0.1:9/hook")
        self.provider: Provider = self.fake
        self.arrived = self.fake.sent

    def sell(self, amount: int = 500, trial_days: int = 0) -> str:
        return self.fake.sell(amount, trial_days)

    def known(self) -> list[str]:
        return []

    def pay(self, url: str) -> None:
        self.fake.pay(url)

    async def settle(self) -> None:
        self.fake.play()

    def fail_next_payment(self) -> None:
        self.fake.declines = 20

    def dispute(self, subscription: Subscription) -> str:
        return self.fake.dispute(subscription.key.id)

    def win(self, dispute_id: str) -> None:
        self.fake.win(dispute_id)

    def refund_part(self, subscription: Subscription, amount: int) -> None:
        self.fake.give_back(subscription.key.id, amount)

    def forget_customer(self, customer_id: str) -> None:
        self.fake.forget_customer(customer_id)

    def go_silent(self) -> None:
        self.fake.silent = True

    def lose_answer_to_change(self) -> None:
        self.fake.lost_answers = 1


@asynccontextmanager
async def fake_surroundings() -> AsyncIterator[FakeSurroundings]:
    yield FakeSurroundings()
