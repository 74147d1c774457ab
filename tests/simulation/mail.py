"""The notifications on their way: in order or not, once or twice, late, or never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.errors import LedgerError
from standins.paypal import delivery as paypal
from standins.stripe import delivery as stripe
from standins.stripe.older_shapes import as_version
from standins.stripe.state import Obj, World
from standins.stripe.thin import thin_event
from tests.simulation.paypal_edge import signed

SECRET = "whsec_history"
OLD = "2024-06-20"

Receive = Callable[[str, bytes, Mapping[str, str]], Awaitable[Any]]


@dataclass
class Letter:
    """One notification of that provider's; `at` is when it is next tried."""

    sender: str
    body: bytes
    at: float
    tries: int = 0

    def signed(self, now: float) -> Mapping[str, str]:
        if self.sender == "paypal":
            return signed(self.body, now)
        return {"stripe-signature": stripe.sign(self.body, [SECRET], now)}

    def pause(self) -> int:
        """Seconds until the next try."""
        pauses: tuple[int, ...] = paypal.BACKOFF if self.sender == "paypal" else stripe.BACKOFF
        return pauses[min(self.tries, len(pauses)) - 1]


@dataclass
class Mail:
    """The notifications of the local Stripe and the local PayPal. `way` decides how the next `left` of them
    travel.

    direct; double: twice at once; lost: never; late: after `seconds`; swapped: held until released, the
    newest first; thin and old: in another shape, at Stripe. PayPal's notification of a reversed payment is
    never lost, because there is no other sign of it.
    """

    world: World
    receive: Receive
    way: str = "direct"
    left: int = 0
    seconds: float = 0.0
    lost: int = 0
    held: list[Letter] = field(default_factory=list)
    waiting: list[Letter] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def goes(self, way: str, left: int, seconds: float) -> None:
        """How the next ones travel."""
        self.way, self.left, self.seconds = way, left, seconds

    def busy(self) -> bool:
        """Whether anything is on its way, or was lost and not looked for yet."""
        return bool(self.held or self.waiting or self.tasks or self.lost)

    def on_stripe(self, event: Obj) -> None:
        way = self._next_way()
        self._post("stripe", self._body(event, way), way)

    def on_paypal(self, event: Obj) -> None:
        way = self._next_way()
        if way == "lost" and event["event_type"] == "PAYMENT.SALE.REVERSED":
            way = "direct"
        self._post("paypal", paypal.written(event), way)

    def _next_way(self) -> str:
        way = self.way if self.left > 0 else "direct"
        self.left = max(self.left - 1, 0)
        return way

    def _post(self, sender: str, body: bytes, way: str) -> None:
        if way == "lost":
            self.lost += 1
            return
        letter = Letter(sender, body, self.world.clock.now())
        if way == "swapped":
            self.held.append(letter)
        elif way == "late":
            letter.at += self.seconds
            self.waiting.append(letter)
        else:
            for _ in range(2 if way == "double" else 1):
                self._send(letter)

    def _body(self, event: Obj, way: str) -> bytes:
        shown = event
        if way == "thin":
            shown = thin_event(self.world, event)
        elif way == "old":
            shown = as_version(self.world, event, OLD)
        return json.dumps(shown).encode()

    def next_at(self) -> float | None:
        return min((letter.at for letter in self.waiting), default=None)

    def send_due(self) -> None:
        now = self.world.clock.now()
        due = [letter for letter in self.waiting if letter.at <= now]
        self.waiting = [letter for letter in self.waiting if letter.at > now]
        for letter in due:
            self._send(letter)

    def release(self) -> None:
        """Those that were held, the newest first."""
        held, self.held = self.held[::-1], []
        for letter in held:
            self._send(letter)

    def hurry(self) -> None:
        """Everything that is under way arrives now."""
        self.left = 0
        self.release()
        for letter in self.waiting:
            letter.at = self.world.clock.now()
        self.send_due()

    def _send(self, letter: Letter) -> None:
        task = asyncio.ensure_future(self._deliver(letter))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _deliver(self, letter: Letter) -> None:
        try:
            await self.receive(letter.sender, letter.body, letter.signed(self.world.clock.now()))
        except LedgerError:
            letter.tries += 1
            letter.at = self.world.clock.now() + letter.pause()
            self.waiting.append(letter)
