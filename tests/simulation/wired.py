"""The stage over real sockets: discord.py logs in, providers post to the listener, the worker runs freely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from unittest.mock import patch

import discord
import yarl
from discord.gateway import DiscordWebSocket

import cogs.gateways.roles
from billing.errors import LedgerUnavailable
from billing.ports import Ports
from standins.clock import MovableClock
from standins.discord import DiscordServer, Guild
from standins.paypal import Exchange as PayPalExchange
from standins.stripe.api import Exchange
from tests.app.harness import AppHarness, running
from tests.ports import held_port
from tests.simulation.mail import OLD
from tests.simulation.stage import Stage

LONGEST = 20.0  # real seconds until what must come true has


class WiredPost:
    """The stand-ins' own deliveries."""

    def __init__(self, stage: WiredStage) -> None:
        self._stripe, self._paypal, self.lost = stage.server, stage.paypal, 0

    def goes(self, way: str, left: int, seconds: float) -> None:
        """For all that leave until another way is chosen, but for those that are lost."""
        stripe = self._stripe.delivery_faults
        stripe.thin, stripe.shape = way == "thin", OLD if way == "old" else None
        for faults in (stripe, self._paypal.delivery_faults):
            faults.double, faults.hold = way == "double", way == "swapped"
            faults.late = min(seconds, 3600.0) if way == "late" else 0.0
            faults.drop = left if way == "lost" else 0
            self.lost += faults.drop

    def busy(self) -> bool:
        sent = (*self._stripe.deliveries, *self._paypal.deliveries)
        pending = any(delivery.state in ("pending", "held") for delivery in sent)
        return pending or self.lost > 0

    def release(self) -> None:
        for sender in (self._stripe, self._paypal):
            sender.delivery_faults.hold = False
            sender.release(backwards=True)

    def hurry(self) -> None:
        self.goes("direct", 0, 0.0)
        self.release()


class WiredStage(Stage):
    """In real time with an offset; what fails, fails once, as every failure costs real seconds."""

    most_faults = 1
    is_vague = True

    def __init__(self, path: Path, intent: bool) -> None:
        self._movable_clock = MovableClock()
        super().__init__(path, self._movable_clock, 3600.0, intent)
        self.world.ack_seconds = 30
        self._rest = DiscordServer(self.world)
        self.discord_faults = self._rest.faults
        self.mail = WiredPost(self)
        self.server.watch(self._hear)
        self.paypal.watch(self._hear_paypal)
        self._running: AsyncExitStack | None = None

    def _hear(self, exchange: Exchange) -> None:
        if exchange.status == 200:
            self.heard.hear(exchange.body, bent=False)
        where = exchange.path.split("/")
        if exchange.method != "GET" and where[2] == "subscriptions" and len(where) == 4:
            self.heard.changes.append((exchange.method, where[3]))

    def _hear_paypal(self, exchange: PayPalExchange) -> None:
        where = exchange.path.split("/")
        if where[3:4] != ["subscriptions"] or len(where) == 4:
            return
        if exchange.method != "GET":
            self.heard.changes.append((exchange.method, where[4]))
        elif exchange.status == 200 and "fields" in exchange.query:
            self.heard.hear_paypal(exchange.body, bent=False)
            self.model.paypal.hear(exchange.body)

    async def build(self, stack: AsyncExitStack) -> None:
        """Everything but the program."""
        await self._rest.start(0)
        stack.push_async_callback(self._rest.stop)
        await stack.enter_async_context(self.server)
        await stack.enter_async_context(self.paypal)
        port = stack.enter_context(held_port())
        hook = self.server.add_endpoint(f"http://127.0.0.1:{port}/webhooks/stripe")
        gold, silver = self.roles[0][:2]
        self._app = AppHarness(
            clock=self._movable_clock,
            world=self.world,
            discord=self._rest,
            stripe=self.server,
            application=self.app,
            guild=self.guilds[0],
            bot_role=self.bot_roles[0],
            ada=self.owner,
            cleo=self.members[1],
            bob=self.members[0],
            gold=gold,
            silver=silver,
            product=self.products[0],
            price=self.prices[0],
            path=self.path,
            port=port,
            secret=hook["secret"],
            paypal=self.paypal,
            hook=self.paypal.add_webhook(f"http://127.0.0.1:{port}/webhooks/paypal")["id"],
        )

    @property
    def ports(self) -> Ports:
        if self._app.process is None:
            raise LedgerUnavailable(detail="the program is down")
        return self._app.process.ports

    async def start(self) -> None:
        self._running = AsyncExitStack()
        await self._running.enter_async_context(running(self._app))
        self.is_up = True

    async def stop(self, *, abrupt: bool = False) -> None:
        up, self._running, self.is_up = self._running, None, False
        if up is not None:
            await up.aclose()

    async def quiet(self) -> None:
        if self.is_up:
            await self._app.settled()

    async def pass_time(self, seconds: float) -> None:
        self._movable_clock.advance(max(seconds, 0.0))
        self.server.catch_up()
        self.paypal.catch_up()
        await self.quiet()

    async def settled(self, check: Callable[[], None]) -> None:
        until = asyncio.get_running_loop().time() + LONGEST
        check()
        while self.problems and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.1)
            self.problems.clear()
            check()

    def fill_disk(self, commits: int) -> None:
        """Not on this stage."""

    def bend_answers(self, provider: str, *, strange: int = 0, behind: int = 0) -> None:
        """Not on this stage."""

    def roles_changed(self, guild: Guild) -> None:
        """Discord's gateway has told of it."""


@asynccontextmanager
async def wired(path: Path, intent: bool) -> AsyncIterator[Stage]:
    """A stage with the plans on sale and nothing sold yet."""
    async with AsyncExitStack() as stack:
        stage = WiredStage(path, intent)
        await stage.build(stack)
        gateway = yarl.URL(stage._rest.gateway_url)
        stack.enter_context(patch.object(discord.http.Route, "BASE", stage._rest.rest_url))
        stack.enter_context(patch.object(DiscordWebSocket, "DEFAULT_GATEWAY", gateway))
        stack.enter_context(patch.object(cogs.gateways.roles, "SETTLING", 0.01))
        stack.push_async_callback(stage.close)
        await stage.start()
        stage.know(await stage.sell())
        await stage.quiet()
        yield stage
