"""A worker that runs by itself, with everything around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from billing.model import Status, Subscription
from billing.ports import Ports
from billing.use_cases.ingest import ingest
from billing.worker.runner import Worker
from db.sqlite.ledger import SqliteLedger
from standins.clock import MovableClock
from tests.rules.builders import GRACE, MEMBER, ROLE, make_checkout, make_plan, make_subscription
from tests.rules.fakes import FakeMessenger, FakeProvider, FakeRoles

INTERVAL = 3_600.0


class Bench:
    """A running worker with everything around it."""

    def __init__(self, ledger: SqliteLedger, interval: float) -> None:
        self.ledger = ledger
        self.clock = MovableClock()
        self.provider = FakeProvider(self.clock)
        self.roles = FakeRoles()
        self.messenger = FakeMessenger()
        self.ports = Ports(
            ledger,
            {"stripe": self.provider},
            self.roles,
            self.messenger,
            self.clock,
            GRACE,
            "http://dues.example",
        )
        self.worker = Worker(self.ports, interval)
        self.retries = 0
        self._record_retry = ledger.record_retry
        ledger.record_retry = self._retry  # type: ignore[method-assign]  # it passes every call on

    async def _retry(self, at: int, wished_before: int) -> None:
        await self._record_retry(at, wished_before)
        self.retries += 1

    async def sell(self) -> None:
        await self.ledger.record_plan(make_plan(0), "test", self.ports.now())

    async def offer(self, name: str, status: Status = Status.ACTIVE, **more: Any) -> Subscription:
        """The provider has a paid subscription of a member; nobody told yet."""
        member = MEMBER + len(self.provider.subscriptions)
        await self.ledger.record_checkout(replace(make_checkout(f"ours_{name}"), member_id=member))
        facts: dict[str, Any] = {"checkout_id": f"ours_{name}", **more}
        sub = make_subscription(name, status, at=self.ports.now(), **facts)
        self.provider.subscriptions[name] = sub
        return sub

    async def ring(self, name: str) -> None:
        event = {
            "id": f"evt_{name}_{len(self.provider.calls)}",
            "kind": "k",
            "subject": ["subscription", name],
        }
        body = json.dumps([event]).encode()
        await ingest(self.ledger, self.clock, self.provider, body, {"signature": "good"})

    def holders(self) -> int:
        return sum(ROLE in roles for roles in self.roles.members.values())


async def until(seen: Callable[[], bool | Awaitable[bool]]) -> None:
    """Let the worker work until that is so; pytest's own time limit ends a wait in vain."""
    while True:
        now = seen()
        if now if isinstance(now, bool) else await now:
            return
        await asyncio.sleep(0.002)


async def quiet(bench: Bench) -> None:
    """Until nothing waits that is due."""

    async def nothing() -> bool:
        at = bench.ports.now()
        led = bench.ledger
        loads = (led.load_pending_events, led.load_stale, led.load_marked, led.load_intents, led.load_notices)
        return not any([await load(at, 1) for load in loads])

    await until(nothing)


@asynccontextmanager
async def run(path: Path, *, interval: float = INTERVAL, start: bool = True) -> AsyncIterator[Bench]:
    benches: list[Bench] = []

    def wake() -> None:
        for bench in benches:
            bench.worker.wake()

    async with await SqliteLedger.open(path, wake) as ledger:
        bench = Bench(ledger, interval)
        benches.append(bench)
        if start:
            bench.worker.start()
        try:
            yield bench
        finally:
            await bench.worker.close(5)
