"""A whole Dues in one process: Discord and Stripe stand in over real sockets, the rest is the program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import discord
import yarl
from discord.gateway import DiscordWebSocket

import cogs.bot
import cogs.core.shards
import cogs.gateways.roles
from billing.model import Plan
from billing.ports import Arrivals, Ports, Provider, RoleLatency
from billing.signing import Signer
from billing.use_cases.plans import PlanUpdate, add_plan
from billing.worker.runner import Worker
from cogs.bot import DuesBot
from cogs.gateways.messenger import DiscordMessenger
from cogs.gateways.roles import DiscordRoles
from cogs.role_retries import RoleSync
from db import SqliteLedger
from db.sqlite.group_commit import OnChange
from providers.paypal.provider import PayPalProvider
from providers.stripe.provider import StripeProvider
from receipt_signing import ReceiptSigner
from standins.clock import MovableClock
from standins.discord import (
    Application,
    Card,
    DiscordServer,
    DiscordWorld,
    Guild,
    Person,
    Reply,
    Role,
)
from standins.discord.conformance import Conformance
from standins.paypal import PayPalServer
from standins.stripe import StripeServer
from tests.ports import held_port
from web.app import Listener, listening
from web.metrics import Metrics

TOKEN = "right.token"
DAY = 86_400
# The clock begins in a month of 30 days: this ends a day after the period, before a second try of a payment.
MONTH = 31 * DAY
SOON = 5  # seconds after which work that waits for a provider is tried again


@dataclass
class Process:
    """A running program, over a ledger file that outlives it."""

    bot: DuesBot
    ports: Ports
    worker: Worker

    @property
    def ledger(self) -> SqliteLedger:
        """The SQLite ledger behind the port."""
        assert isinstance(self.ports.ledger, SqliteLedger)
        return self.ports.ledger


@dataclass
class AppHarness:
    """A server 'Pottery' with owner Ada, admin Cleo and member Bob, who is not in 'Chess'; roles; a price."""

    clock: MovableClock
    world: DiscordWorld
    discord: DiscordServer
    stripe: StripeServer
    application: Application
    guild: Guild
    bot_role: Role
    ada: Person
    cleo: Person
    bob: Person
    gold: Role
    silver: Role
    product: str
    price: str
    path: Path
    port: int
    secret: str
    paypal: PayPalServer | None = None
    hook: str = ""
    signer: Signer = field(default_factory=Signer)
    receipts: ReceiptSigner = field(default_factory=ReceiptSigner)
    process: Process | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ports(self) -> Ports:
        """The ports of the running process."""
        assert self.process is not None
        return self.process.ports

    async def sell(
        self, name: str = "Gold", role: Role | None = None, price: str | None = None, **edit: object
    ) -> Plan:
        """Add a plan as an admin would; a further one gets another price."""
        role = role or self.gold
        if price is None and await self.ports.ledger.load_plans(role.guild_id):
            price = self.stripe.add_price(self.product, 500, currency="eur")["id"]
        wanted = PlanUpdate(name, add_role=role.id, price_ids={"stripe": price or self.price}, **edit)  # type: ignore[arg-type]  # built from parts
        return await add_plan(self.ports, role.guild_id, wanted, self.ada.id)

    async def invite(self, guild: Guild) -> None:
        """Let the bot join a further server, and wait until it knows of it."""
        assert self.process is not None
        bot = self.process.bot
        heard = [asyncio.create_task(bot.wait_for(e)) for e in ("guild_join", "guild_available")]
        await asyncio.sleep(0)  # so that they listen
        self.world.install(self.application, guild)
        done, left = await asyncio.wait(heard, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        assert done

    async def buy(self, who: Person | None = None, plan: str = "Gold", guild: Guild | None = None) -> Reply:
        """Subscribe as a person would, pay, and wait until the roles are there."""
        who, guild = who or self.bob, guild or self.guild
        reply = await who.run(guild, "subscribe", {"plan": plan})
        self.stripe.pay_checkout(link_of(reply))
        await self.settled()
        return reply

    async def settled(self) -> None:
        """Wait until every delivery is out and the ledger holds no open work."""
        await self.stripe.settle()
        if self.paypal is not None:
            await self.paypal.settle()
        async with asyncio.timeout(20):
            while self.process is not None and (waking := _waking(self.process.bot)):
                await asyncio.wait(waking)
            self.changed.clear()
            while not await self._idle():
                await self.changed.wait()
                self.changed.clear()
            ledger, now = self.ports.ledger, self.ports.now()
            if await ledger.load_queued_members(now + SOON, 1):
                self.clock.advance(SOON)
                await self.settled()

    async def _idle(self) -> bool:
        """Whether no work is due. Members whose paid time has run out count as due, because the timer has
        to see them."""
        due = await self.ports.ledger.load_next_due(0)
        return due is None or due > self.ports.now()

    async def turn(self, seconds: float) -> None:
        """Turn the clock and wait until all work is done."""
        self.clock.advance(seconds)
        await self.settled()

    def roles(self, who: Person | None = None) -> list[str]:
        """The names of the roles that somebody has."""
        return self.world.roles_of(self.guild, who or self.bob)


def until_mid_month(now: float | None = None) -> float:
    """Seconds to the middle of the next June or November. A clock that begins there meets months of 30, 31
    and 31 days, so a test in which months pass has the same result on every day of the year."""
    today = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    starts = [datetime(today.year + later, month, 15, tzinfo=UTC) for later in (0, 1) for month in (6, 11)]
    return min(start - today for start in starts if start > today).total_seconds()


def link_of(card: Card | Reply) -> str:
    """The address of the only link on a card."""
    (url,) = [button.url for button in card.buttons if button.url]
    return url


async def make_app(
    stack: AsyncExitStack,
    path: Path,
    conformance: Conformance | None,
    *,
    members_intent: bool = False,
    paypal: bool = False,
    ahead: float = 0.0,
) -> AppHarness:
    """Start the stand-ins and populate them; with a local PayPal if asked for. `ahead`: seconds by which
    their clock is ahead of the machine's."""
    clock = MovableClock(ahead)
    # A busy machine must not turn three seconds into a failure.
    world = DiscordWorld(clock, ack_seconds=30)
    ada, bob, cleo = world.add_user("ada"), world.add_user("bob"), world.add_user("cleo")
    guild = world.add_guild("Pottery", ada)
    application = world.add_application(TOKEN, name="Dues", owner=ada, members_intent=members_intent)
    bot_role = world.install(application, guild)
    gold, silver = world.add_role(guild, "Gold", 0xFFD700), world.add_role(guild, "Silver")
    world.add_member(guild, bob)
    world.add_member(guild, cleo, bits=1 << 5)
    world.set_role_position(bot_role, 90)
    discord = DiscordServer(world, recorder=conformance)
    await discord.start(0)
    stack.push_async_callback(discord.stop)
    stripe = await stack.enter_async_context(StripeServer(clock))
    product = stripe.add_product("Gold")["id"]
    price = stripe.add_price(product, 500, currency="eur")["id"]
    second = await stack.enter_async_context(PayPalServer(clock)) if paypal else None
    port = stack.enter_context(held_port())
    hook = second.add_webhook(f"http://127.0.0.1:{port}/webhooks/paypal")["id"] if second else ""
    secret = stripe.add_endpoint(f"http://127.0.0.1:{port}/webhooks/stripe")["secret"]
    return AppHarness(
        clock=clock,
        world=world,
        discord=discord,
        stripe=stripe,
        application=application,
        guild=guild,
        bot_role=bot_role,
        ada=ada,
        cleo=cleo,
        bob=bob,
        gold=gold,
        silver=silver,
        product=product,
        price=price,
        path=path,
        port=port,
        secret=secret,
        paypal=second,
        hook=hook,
    )


@contextmanager
def calling(server: DiscordServer) -> Iterator[None]:
    """Let discord.py in this process call this Discord."""
    with (
        patch.object(discord.http.Route, "BASE", server.rest_url),
        patch.object(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url)),
    ):
        yield


@asynccontextmanager
async def running(app: AppHarness, *, sweeps: float = 3600.0) -> AsyncIterator[Process]:
    """Compose and run the program as bot.py does, on a clock that can be turned. `sweeps`: seconds between
    two sweeps."""
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(cogs.gateways.roles, "SETTLING", 0.02))
        stack.enter_context(patch.object(cogs.bot, "STREAM_PAUSE", 0.05))
        stack.enter_context(patch.object(cogs.core.shards, "IDENTIFY_PAUSE", 0.0))
        woken: list[OnChange] = [app.changed.set]
        ledger = await SqliteLedger.open(app.path, lambda: _wake(woken))
        stack.push_async_callback(ledger.close)
        metrics = Metrics()
        stripe = (app.stripe.api_key, (app.secret,), app.stripe.url)
        provider = StripeProvider(*stripe, app.clock, metrics)
        stack.push_async_callback(provider.close)
        bot = DuesBot(members_intent=app.application.members_intent)
        stack.push_async_callback(bot.close)
        providers: dict[str, Provider] = {"stripe": provider}
        if (paypal := app.paypal) is not None:
            login = (paypal.client_id, paypal.client_secret, (app.hook,), paypal.url)
            providers["paypal"] = PayPalProvider(
                *login,
                app.clock,
                ca_file=paypal.ca_file,
                signer=app.signer,
                kept=ledger,
                meter=metrics,
            )
            stack.push_async_callback(providers["paypal"].close)
        ports = Ports(
            ledger=ledger,
            providers=providers,
            roles=DiscordRoles(bot),
            messenger=DiscordMessenger(bot, ledger),
            clock=app.clock,
            grace=7 * DAY,
            public_url=f"http://127.0.0.1:{app.port}",
            signer=app.signer,
            sign_receipt=app.receipts.sign if app.receipts else None,
            arrivals=Arrivals(app.clock.now()),
            meter=metrics,
            pace=RoleLatency(),
            sync_interval=sweeps,
        )
        worker = Worker(ports, sweeps)
        woken.append(worker.wake)
        stack.push_async_callback(worker.close, 5.0)
        listener = Listener(
            ledger,
            ports.providers,
            app.clock,
            bot.why_offline,
            ports.arrivals,
            sync_interval=sweeps,
            metrics=metrics,
            discord_readings=lambda: {**bot.readings()},
        )
        listener.webhooks.pace = ports.pace
        await stack.enter_async_context(listening(listener.application(), "127.0.0.1", app.port, 1.0))
        started = asyncio.Event()
        serving = asyncio.create_task(bot.serve(TOKEN, ports, started.set))
        stack.push_async_callback(_stop, serving)
        ready = asyncio.create_task(started.wait())
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await serving
        worker.start()
        app.process = Process(bot, ports, worker)
        yield app.process
    app.process = None


def _waking(bot: DuesBot) -> set[asyncio.Task[None]]:
    """The tasks that are about to queue the parked members of a server."""
    found = bot.get_cog("RoleSync")
    return set(found._tasks) if isinstance(found, RoleSync) else set()


def _wake(woken: list[OnChange]) -> None:
    for wake in woken:
        wake()


async def _stop(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
