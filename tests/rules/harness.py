"""The use cases over a real ledger, with a provider, a Discord server and a messenger in memory.

`open_harness` stops the clock and does the worker's work only when the test asks for it.
`run_worker` runs the real worker.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from billing.model import Binding, Notice, NoticeBody, Plan, Status, Subscription
from billing.ports import Arrivals, Clock, Ports
from billing.use_cases.ingest import ingest
from billing.worker.queues import work_queues
from billing.worker.runner import Worker
from db.sqlite.ledger import SqliteLedger
from standins.clock import MovableClock
from tests.rules.builders import (
    GRACE,
    GUILD,
    MEMBER,
    ROLE,
    make_checkout,
    make_key,
    make_plan,
    make_subscription,
)
from tests.rules.fakes import FakeMessenger, FakeProvider, FakeRoles

START = 1_800_000_000
INTERVAL = 3_600.0  # seconds between two sweeps
ROUNDS = 50
Body = TypeVar("Body", bound=NoticeBody)


class TurnableClock(Clock, Protocol):
    """An implementation of the Clock port that the test turns forward."""

    def advance(self, seconds: float) -> None:
        """Turn it forward."""


class StoppedClock:
    """A clock that shows START until the test turns it."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> float:
        return float(self._now)

    def advance(self, seconds: float) -> None:
        self._now += int(seconds)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing may sleep by a clock that is stopped")


class RulesHarness:
    """Everything that a use case works with. `retries`: how often all postponed work was retried."""

    def __init__(
        self, ledger: SqliteLedger, clock: TurnableClock, arrivals: Arrivals, interval: float = INTERVAL
    ) -> None:
        self.ledger, self.clock = ledger, clock
        self.provider, self.roles, self.messenger = FakeProvider(clock), FakeRoles(), FakeMessenger()
        edges = (ledger, {"stripe": self.provider}, self.roles, self.messenger, clock)
        self.ports = Ports(*edges, GRACE, "http://dues.example", arrivals=arrivals)
        self.worker = Worker(self.ports, interval)
        self.retries = 0
        self._record_retry = ledger.record_retry
        ledger.record_retry = self._count_retry  # type: ignore[method-assign]  # counts each call, then passes it on

    async def _count_retry(self, at: int, wished_before: int) -> None:
        await self._record_retry(at, wished_before)
        self.retries += 1

    @property
    def now(self) -> int:
        return self.ports.now()

    def roles_of(self, member_id: int = MEMBER, guild_id: int = GUILD) -> set[int]:
        return self.roles.members[guild_id, member_id]

    def holders(self) -> int:
        """The number of members who have ROLE."""
        return sum(ROLE in roles for roles in self.roles.members.values())

    async def add_plan(self, plan: Plan | None = None) -> Plan:
        for price in (plan or make_plan()).prices:
            self.provider.prices[price.id] = price
        return await self.ledger.record_plan(replace(plan or make_plan(), id=0), "test", self.now)

    async def offer(
        self, name: str = "sub_1", status: Status = Status.ACTIVE, *, member_id: int = MEMBER, **more: Any
    ) -> Subscription:
        """A member subscribes on a payment page; no event has told of it yet."""
        checkout = make_checkout(f"ours_{name}", created_at=self.now)
        await self.ledger.record_checkout(replace(checkout, member_id=member_id))
        facts: dict[str, Any] = {"checkout_id": checkout.id, **more}
        made = make_subscription(name, status, at=self.now, **facts)
        self.provider.subscriptions[name] = replace(made, binding=None)
        return made

    async def subscribe(
        self, name: str = "sub_1", status: Status = Status.ACTIVE, **more: Any
    ) -> Subscription:
        """MEMBER subscribes, an event tells of it, and all work is done until they have their roles."""
        return await self.change(await self.offer(name, status, **more))

    async def change(self, subscription: Subscription) -> Subscription:
        """Replace the provider's object, let an event tell of it, and do all the work that follows."""
        self.provider.subscriptions[subscription.key.id] = replace(subscription, binding=None)
        await self.ring("subscription", subscription.key.id)
        await self.settle()
        return await self.recorded(subscription.key.id)

    async def ring(self, kind: str, subject_id: str, event_id: str | None = None) -> int:
        """An event arrives. Returns 1, or 0 if it had been stored before."""
        name = event_id or f"evt_{subject_id}_{len(self.provider.calls)}_{self.now}"
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
            if not await self._work_once():
                return
        raise AssertionError("the work never ends")

    async def _work_once(self) -> int:
        done = 0
        for queue in work_queues(self.ports):
            for item in await queue.load(self.now, 100):
                await queue.handle(item)
                done += 1
        return done

    async def quiet(self) -> None:
        """Wait until the running worker has done all that is due."""

        async def nothing_is_due() -> bool:
            at, ledger = self.now, self.ledger
            reads = (ledger.load_pending_events, ledger.load_stale, ledger.load_queued_members)
            more = (ledger.load_intents, ledger.load_notices)
            return not any([await load(at, 1) for load in (*reads, *more)])

        await until(nothing_is_due)

    def turn_to(self, moment: int) -> None:
        """Turn the clock to a moment, in unix seconds, and do no work."""
        self.clock.advance(moment - self.now)

    async def pass_time(self, seconds: int) -> None:
        """Turn the clock, and stop to work at every moment at which something is due."""
        end = self.now + seconds
        await self.settle()
        while (due := await self.ledger.load_next_due(self.now)) is not None and due <= end:
            self.turn_to(due)
            await self.settle()
        self.turn_to(end)
        await self.settle()

    def told(self, kind: str) -> list[Notice]:
        return [notice for notice in self.messenger.told if notice.body.kind == kind]

    def said(self, kind: type[Body]) -> list[Body]:
        """The bodies of the notices of a kind."""
        return [notice.body for notice in self.messenger.told if isinstance(notice.body, kind)]

    async def enqueue(self, member_id: int = MEMBER, why: str = "test") -> None:
        await self.ledger.record_queued_members([Binding(GUILD, member_id)], why, self.now)


async def until(seen: Callable[[], bool | Awaitable[bool]]) -> None:
    """Let the worker work until `seen` is true. A wait in vain fails after 30 s: pytest's own limit would
    break the event loop off, and the ledger's thread then keeps the process alive."""
    async with asyncio.timeout(30):
        while True:
            now = seen()
            if now if isinstance(now, bool) else await now:
                return
            await asyncio.sleep(0.002)


@asynccontextmanager
async def open_harness(path: Path) -> AsyncIterator[RulesHarness]:
    """An empty ledger and a stopped clock, without a running worker."""
    clock = StoppedClock()
    async with await SqliteLedger.open(path) as ledger:
        yield RulesHarness(ledger, clock, Arrivals(clock.now()))


@asynccontextmanager
async def run_worker(
    path: Path, *, interval: float = INTERVAL, start: bool = True
) -> AsyncIterator[RulesHarness]:
    """An empty ledger and a worker that runs by real time, at once or once the test starts it."""
    running: list[Worker] = []

    def wake() -> None:
        for worker in running:
            worker.wake()

    async with await SqliteLedger.open(path, wake) as ledger:
        harness = RulesHarness(ledger, MovableClock(), Arrivals(), interval)
        running.append(harness.worker)
        if start:
            harness.worker.start()
        try:
            yield harness
        finally:
            await harness.worker.close(5)
