"""Notifications on their way: signed, logged, repeated until a 2xx.

Up to 25 times over three days (developer.paypal.com/api/rest/webhooks, read 2026-11).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from sandbox.paypal.signing import Message
from sandbox.paypal.state import Obj, World, new_id
from sandbox.stripe.delivery_faults import DeliveryFaults

MINUTE = 60
# Seconds between attempts, 25 of them: doubling at first, then every four hours, within three days.
BACKOFF = tuple(min(MINUTE * 2**n, 4 * 3600 - MINUTE) for n in range(25))
PATIENCE = 10.0  # real seconds a listener has to answer


class Signer(Protocol):
    def __call__(self, body: bytes, webhook_id: str) -> Message: ...


@dataclass
class Attempt:
    at: float
    status: int | None  # None: no answer
    error: str | None = None


@dataclass
class Delivery:
    """One event on its way to one webhook."""

    event: Obj
    webhook: Obj
    body: bytes
    state: str = "pending"  # delivered, failed, dropped, held
    attempts: list[Attempt] = field(default_factory=list)
    next_at: float | None = None
    id: str = field(default_factory=new_id)


def written(event: Obj) -> bytes:
    """As PayPal writes it: compact, slashes escaped; dumped again it fits its signature no more."""
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/").encode()


@dataclass
class Deliverer:
    world: World
    tell: Callable[[str, object], None]
    sign: Signer
    faults: DeliveryFaults = field(default_factory=DeliveryFaults)
    log: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.session: aiohttp.ClientSession | None = None
        self.moved = asyncio.Event()

    async def start(self) -> None:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.session:
            await self.session.close()

    def on_event(self, event: Obj) -> None:
        for webhook in self.world.all("webhook"):
            names = {one["name"] for one in webhook["event_types"]}
            if names & {"*", event["event_type"]}:
                self._plan(Delivery(event, webhook, written(event)))

    def _plan(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        # The switches are the local Stripe's; they look at nothing but the state of a delivery.
        for batch in self.faults.route(delivery):  # type: ignore[arg-type]  # because of that
            self._spawn(self._run_batch(batch))  # type: ignore[arg-type]  # what went in comes out
        self._note(delivery)

    def _note(self, delivery: Delivery) -> None:
        self.moved.set()
        self.tell("delivery", delivery)

    async def quiet(self) -> None:
        """Return once no delivery is under way; those that wait to retry, or are held, do not count."""
        while any(self._under_way(one) for one in self.log):
            self.moved.clear()
            await self.moved.wait()

    def _under_way(self, delivery: Delivery) -> bool:
        due = delivery.next_at is None or delivery.next_at <= self.world.clock.now()
        return (
            delivery.state == "pending"
            and due
            and not any(delivery is one for one in list[object](self.faults.held))
        )

    def release(self, *, backwards: bool = False) -> None:
        """Let held deliveries go, in the order held or the other way round, one after another."""
        batch = self.faults.release(backwards=backwards)
        if batch:
            self._spawn(self._run_batch(batch))  # type: ignore[arg-type]  # what went in comes out

    def resend(self, event: Obj, webhooks: list[Obj]) -> None:
        for webhook in webhooks:
            delivery = Delivery(event, webhook, written(event))
            self.log.append(delivery)
            self._spawn(self._run_batch([delivery]))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run_batch(self, batch: list[Delivery]) -> None:
        if late := self.faults.late:
            for delivery in batch:
                delivery.next_at = self.world.clock.now() + late
                self._note(delivery)
            await self.world.clock.sleep(late)
        for delivery in batch:
            if len(batch) == 1 or not await self._attempt(delivery):
                await self._run(delivery)

    async def _run(self, delivery: Delivery) -> None:
        for pause in BACKOFF:
            if await self._attempt(delivery):
                return
            delivery.next_at = self.world.clock.now() + pause
            self._note(delivery)
            await self.world.clock.sleep(pause)
        if not await self._attempt(delivery):
            delivery.state, delivery.next_at = "failed", None
            self._note(delivery)

    async def _attempt(self, delivery: Delivery) -> bool:
        message = self.sign(delivery.body, delivery.webhook["id"])
        status, error = await self.post(delivery.webhook["url"], message.body, message.headers)
        delivery.attempts.append(Attempt(message.moment, status, error))
        good = status is not None and 200 <= status < 300
        if good and delivery.state != "delivered":
            delivery.state, delivery.next_at = "delivered", None
        self._note(delivery)
        return good

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, str | None]:
        """(status, None), or (None, why) when no answer came. Redirects are failures."""
        if self.session is None:
            return None, "The server was not started."
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status, None
        except (aiohttp.ClientError, TimeoutError) as fault:
            return None, f"{type(fault).__name__}: {fault}"
