"""The rules over a real ledger and made-up edges, worked by hand: nothing happens until a test says so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from billing.model import Binding, Notice, NoticeBody, Plan, Status, Subscription
from billing.ports import Arrivals, Ports
from billing.use_cases.ingest import ingest
from billing.worker.runner import work_queues
from db.sqlite.ledger import SqliteLedger
from tests.rules.builders import (
    GRACE,
    GUILD,
    MEMBER,
    make_checkout,
    make_key,
    make_plan,
    make_subscription,
)
from tests.rules.fakes import FakeMessenger, FakeProvider, FakeRoles

START = 1_800_000_000
ROUNDS = 50
Body = TypeVar("Body", bound=NoticeBody)


class StillClock:
    """Stands still until it is turned."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def now(self) -> float:
        return float(self.at)

    def advance(self, seconds: int) -> None:
        self.at += seconds

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps on a clock that stands still")


@dataclass
class World:
    """All that a use case meets."""

    ledger: SqliteLedger
    clock: StillClock
    provider: FakeProvider
    roles: FakeRoles
    messenger: FakeMessenger
    ports: Ports

    @property
    def now(self) -> int:
        return self.clock.at

    def roles_of(self, member_id: int = MEMBER, guild_id: int = GUILD) -> set[int]:
        return self.roles.members[guild_id, member_id]

    async def add_plan(self, plan: Plan | None = None) -> Plan:
        for price in (plan or make_plan()).prices:
            self.provider.prices[price.id] = price
        return await self.ledger.record_plan(replace(plan or make_plan(), id=0), "test", self.now)

    async def subscribe(
        self, name: str = "sub_1", status: Status = Status.ACTIVE, **more: Any
    ) -> Subscription:
        """A member's own subscription, from the payment page to the roles."""
        checkout = make_checkout(f"ours_{name}", created_at=self.now)
        await self.ledger.record_checkout(checkout)
        facts: dict[str, Any] = {"checkout_id": checkout.id, **more}
        return await self.change(make_subscription(name, status, at=self.now, **facts))

    async def change(self, subscription: Subscription) -> Subscription:
        """The provider's object becomes this, an event tells of it, and everything follows."""
        self.provider.subscriptions[subscription.key.id] = replace(subscription, binding=None)
        await self.ring("subscription", subscription.key.id)
        await self.settle()
        return await self.recorded(subscription.key.id)

    async def ring(self, kind: str, subject_id: str, event_id: str | None = None) -> int:
        """An event arrives."""
        name = event_id or f"evt_{len(self.provider.calls)}_{self.now}"
        body = json.dumps([{"id": name, "kind": kind, "subject": [kind, subject_id]}]).encode()
        _, new = await ingest(self.ledger, self.clock, self.provider, body, {"signature": "good"})
        return new

    async def recorded(self, name: str = "sub_1") -> Subscription:
        found = await self.ledger.load_subscription(make_key(name))
        assert found is not None
        return found

    async def settle(self) -> None:
        """Do all that is due, as the worker would, until nothing is left."""
        for _ in range(ROUNDS):
            await self.ledger.record_due(self.now)
            if not await self._round():
                return
        raise AssertionError("the work never ends")

    async def _round(self) -> int:
        done = 0
        for lane in work_queues(self.ports):
            for piece in await lane.load(self.now, 100):
                await lane.handle(piece)
                done += 1
        return done

    async def pass_time(self, seconds: int) -> None:
        """Turn the clock, stopping at every moment at which something is due."""
        until = self.now + seconds
        await self.settle()
        while (due := await self.ledger.load_next_due(self.now)) is not None and due <= until:
            self.clock.at = due
            await self.settle()
        self.clock.at = until
        await self.settle()

    def told(self, kind: str) -> list[Notice]:
        return [notice for notice in self.messenger.told if notice.body.kind == kind]

    def said(self, kind: type[Body]) -> list[Body]:
        """What was told of a kind."""
        return [notice.body for notice in self.messenger.told if isinstance(notice.body, kind)]

    async def mark(self, member_id: int = MEMBER, why: str = "test") -> None:
        await self.ledger.record_marks([Binding(GUILD, member_id)], why, self.now)


@asynccontextmanager
async def open_world(path: Path) -> AsyncIterator[World]:
    """A world with an empty ledger."""
    clock = StillClock()
    provider, roles, messenger = FakeProvider(clock), FakeRoles(), FakeMessenger()
    async with await SqliteLedger.open(path) as ledger:
        edges = (ledger, {"stripe": provider}, roles, messenger, clock, GRACE, "http://dues.example")
        ports = Ports(*edges, arrivals=Arrivals(clock.now()))
        yield World(ledger, clock, provider, roles, messenger, ports)
