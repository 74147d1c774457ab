"""Delivers the notifications of the local Stripe and PayPal, and repeats, delays or drops them on request."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

PATIENCE = 10.0  # real seconds that a listener has to answer

Obj = dict[str, Any]


class Clock(Protocol):
    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass
class Attempt:
    at: float
    status: int | None  # None if no answer came
    error: str | None = None


@dataclass
class Delivery:
    """The delivery of one event to one listener, `hook`, whose address is its "url"."""

    event: Obj
    hook: Obj
    body: bytes
    state: str = "pending"  # delivered, failed, dropped, held
    attempts: list[Attempt] = field(default_factory=list)
    next_at: float | None = None
    id: str = field(default_factory=lambda: f"del_{secrets.token_hex(7)}")


@dataclass
class DeliveryFaults:
    """Switches for faults of deliveries. Each keeps its value, except `drop`, which counts down."""

    double: bool = False  # send every delivery twice, at the same time
    swap: bool = False  # send deliveries in pairs, the later one first
    hold: bool = False  # send nothing until Deliverer.release()
    drop: int = 0  # this many deliveries are never sent, nor retried
    late: float = 0.0  # seconds on the clock before a delivery is sent
    held: list[Delivery] = field(default_factory=list)

    def route(self, delivery: Delivery) -> list[list[Delivery]]:
        """Return the batches to send now; the deliveries of a batch are sent one after another."""
        if self.drop > 0:
            self.drop -= 1
            delivery.state = "dropped"
            return []
        if self.hold:
            delivery.state = "held"
            self.held.append(delivery)
            return []
        if self.swap:
            self.held.append(delivery)
            return [self.release(backwards=True)] if len(self.held) == 2 else []
        return [[delivery], [delivery]] if self.double else [[delivery]]

    def release(self, *, backwards: bool = False) -> list[Delivery]:
        batch = self.held[::-1] if backwards else self.held[:]
        self.held.clear()
        for delivery in batch:
            delivery.state = "pending"
        return batch


class Deliverer(ABC):
    """Sends deliveries. `backoff`: the seconds between the attempts, by the stand-in's clock."""

    def __init__(
        self,
        clock: Clock,
        tell: Callable[[str, object], None],
        backoff: tuple[int, ...],
        faults: DeliveryFaults,
    ) -> None:
        self.clock, self.tell, self.backoff, self.faults = clock, tell, backoff, faults
        self.log: list[Delivery] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.session: aiohttp.ClientSession | None = None
        self.moved = asyncio.Event()

    @abstractmethod
    async def send(self, delivery: Delivery) -> Attempt:
        """Sign and post a delivery once; return the attempt with its outcome."""

    def arrived(self, delivery: Delivery) -> None:  # noqa: B027 - an optional hook
        """React to the first success of a delivery; does nothing unless a subclass overrides it."""

    async def start(self) -> None:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.session:
            await self.session.close()

    def plan(self, delivery: Delivery) -> None:
        """Schedule a delivery, with the faults that are switched on."""
        self.log.append(delivery)
        for batch in self.faults.route(delivery):
            self._spawn(self._run_batch(batch))
        self._note(delivery)

    def plan_again(self, delivery: Delivery) -> None:
        """Send a notification again, as a dashboard's resend button does.

        Of the faults, only the delay applies.
        """
        self.log.append(delivery)
        self._spawn(self._run_batch([delivery]))

    def release(self, *, backwards: bool = False) -> None:
        """Send held deliveries one after another, in the order in which they were held or in reverse."""
        batch = self.faults.release(backwards=backwards)
        if batch:
            self._spawn(self._run_batch(batch))

    async def quiet(self) -> None:
        """Return once no delivery is under way, not counting those that are held or wait for a retry."""
        while any(self._under_way(one) for one in self.log):
            self.moved.clear()
            await self.moved.wait()

    def _under_way(self, delivery: Delivery) -> bool:
        due = delivery.next_at is None or delivery.next_at <= self.clock.now()
        return delivery.state == "pending" and due and delivery not in self.faults.held

    def _note(self, delivery: Delivery) -> None:
        self.moved.set()
        self.tell("delivery", delivery)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run_batch(self, batch: list[Delivery]) -> None:
        late = self.faults.late
        if late:
            for delivery in batch:
                delivery.next_at = self.clock.now() + late
                self._note(delivery)
            await self.clock.sleep(late)
        for delivery in batch:
            if len(batch) == 1 or not await self._attempt(delivery):
                await self._run(delivery)

    async def _run(self, delivery: Delivery) -> None:
        for pause in self.backoff:
            if await self._attempt(delivery):
                return
            delivery.next_at = self.clock.now() + pause
            self._note(delivery)
            await self.clock.sleep(pause)
        if not await self._attempt(delivery):
            delivery.state, delivery.next_at = "failed", None
            self._note(delivery)

    async def _attempt(self, delivery: Delivery) -> bool:
        attempt = await self.send(delivery)
        delivery.attempts.append(attempt)
        good = attempt.status is not None and 200 <= attempt.status < 300
        if good and delivery.state != "delivered":
            delivery.state, delivery.next_at = "delivered", None
            self.arrived(delivery)
        self._note(delivery)
        return good

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, str | None]:
        """Post a body; return (status, None), or (None, error) if no answer came. A redirect is an error."""
        if self.session is None:
            return None, "The server was not started."
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status, None
        except (aiohttp.ClientError, TimeoutError) as fault:
            return None, f"{type(fault).__name__}: {fault}"
