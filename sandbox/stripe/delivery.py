"""Webhooks: signed, logged, repeated until a 2xx (docs.stripe.com/webhooks)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.stripe.delivery_faults import DeliveryFaults
from sandbox.stripe.older_shapes import as_version
from sandbox.stripe.state import Obj, World, new_id
from sandbox.stripe.thin import thin_event

MINUTE, HOUR = 60, 3600
# Seconds between attempts: up to three days with growing pauses.
BACKOFF = (5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR)
PATIENCE = 10.0  # real seconds an endpoint has to answer


@dataclass
class Attempt:
    at: float
    status: int | None  # None: no answer
    error: str | None = None


@dataclass
class Delivery:
    """One event on its way to one endpoint."""

    event: Obj
    endpoint: Obj
    body: bytes
    state: str = "pending"  # delivered, failed, dropped, held
    attempts: list[Attempt] = field(default_factory=list)
    next_at: float | None = None
    id: str = field(default_factory=lambda: new_id("del", 14))


def sign(body: bytes, secrets: list[str], moment: float) -> str:
    """The Stripe-Signature header: one v1 for each secret in use."""
    stamp = str(int(moment))
    signed = stamp.encode() + b"." + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={stamp}", *(f"v1={mark}" for mark in marks)])


@dataclass
class Deliverer:
    world: World
    tell: Callable[[str, object], None]
    faults: DeliveryFaults = field(default_factory=DeliveryFaults)
    log: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.session: aiohttp.ClientSession | None = None
        self.moved = asyncio.Event()

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        self.session = aiohttp.ClientSession(timeout=timeout)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.session:
            await self.session.close()

    def on_event(self, event: Obj) -> None:
        for endpoint in self.world.all("webhook_endpoint", status="enabled"):
            wanted = endpoint["enabled_events"]
            if "*" in wanted or event["type"] in wanted:
                event["pending_webhooks"] += 1
                self._plan(Delivery(event, endpoint, self._body(event, endpoint)))

    def _body(self, event: Obj, endpoint: Obj) -> bytes:
        shown = event
        version = self.faults.shape or endpoint["api_version"]
        if self.faults.thin:
            shown = thin_event(self.world, event)
        elif version and version != event["api_version"]:
            shown = as_version(self.world, event, version)
        # Stripe's bodies are indented; receivers must not depend on how the JSON is written.
        return json.dumps(shown, indent=2).encode()

    def _plan(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        for batch in self.faults.route(delivery):
            self._spawn(self._run_batch(batch))
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
        return delivery.state == "pending" and due and delivery not in self.faults.held

    def release(self, *, backwards: bool = False) -> None:
        """Let held deliveries go, in the order held or the other way round, one after another."""
        batch = self.faults.release(backwards=backwards)
        if batch:
            self._spawn(self._run_batch(batch))

    def resend(self, event: Obj) -> None:
        """What the dashboard's resend button does."""
        for endpoint in self.world.all("webhook_endpoint", status="enabled"):
            delivery = Delivery(event, endpoint, self._body(event, endpoint))
            self.log.append(delivery)
            self._spawn(self._run_batch([delivery]))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run_batch(self, batch: list[Delivery]) -> None:
        late = self.faults.late
        if late:
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
        now = self.world.clock.now()
        status, error = await self.post(
            delivery.endpoint["url"], delivery.body, self.world.hidden[delivery.endpoint["id"]], now
        )
        delivery.attempts.append(Attempt(now, status, error))
        good = status is not None and 200 <= status < 300
        if good and delivery.state != "delivered":
            delivery.state, delivery.next_at = "delivered", None
            delivery.event["pending_webhooks"] = max(delivery.event["pending_webhooks"] - 1, 0)
        self._note(delivery)
        return good

    async def post(
        self, url: str, body: bytes, secrets: list[str], moment: float
    ) -> tuple[int | None, str | None]:
        """(status, None), or (None, why) when no answer came. Redirects are failures."""
        if self.session is None:
            return None, "The server was not started."
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, secrets, moment),
        }
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status, None
        except (aiohttp.ClientError, TimeoutError) as fault:
            return None, f"{type(fault).__name__}: {fault}"
