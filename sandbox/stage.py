"""Starts the sandbox's stage: a server with people, a shop with prices, and the real bot."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bot
from config import Settings
from i18n import tr, use_language
from providers.paypal.setup import EVENTS as PAYPAL_EVENTS
from providers.stripe.setup import EVENTS
from sandbox.ledger_reader import LedgerPeek
from standins.clock import MovableClock
from standins.discord import (
    Application,
    Channel,
    DiscordServer,
    DiscordWorld,
    Guild,
    Person,
    PersonError,
)
from standins.discord.permissions import MANAGE_ROLES, SEND_MESSAGES, VIEW_CHANNEL
from standins.paypal import PayPalServer
from standins.paypal import Settings as Account
from standins.stripe import Settings as Business
from standins.stripe import StripeServer

ENGLISH = "en-US"
SERVER = "Lantern Club"
TOKEN = "sandbox.bot.token"  # noqa: S105 - the local Discord's, good nowhere else
API_KEY = "sk_test_sandbox"
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
DAY = 86_400
READY_SECONDS = 30.0
_PORTS = range(20_000, 32_000)
PAUSE = 0.02  # real seconds between two looks at the bot's remaining work


class NotReadyError(Exception):
    """Raised when the stage could not start or did not finish its work; its text says what was awaited."""


@dataclass(frozen=True)
class Shop:
    """The ids of the club's prices at Stripe and of its plans at PayPal.

    Silver is not for sale yet: its role and prices are there for trying /plans add.
    """

    gold: str
    gold_yearly: str
    platinum: str
    gold_paypal: str
    silver: str
    silver_paypal: str


@dataclass(frozen=True)
class Stage:
    """The running sandbox: clock, stand-ins, people, shop and ledger, as used by the tour and the page."""

    clock: MovableClock
    world: DiscordWorld
    discord: DiscordServer
    stripe: StripeServer
    paypal: PayPalServer
    guild: Guild
    app: Application
    mia: Person
    tom: Person
    ada: Person
    shop: Shop
    peek: LedgerPeek

    @property
    def people(self) -> tuple[Person, ...]:
        """Return the people as whom one can act: two members, and the server's owner."""
        return self.mia, self.tom, self.ada

    @property
    def providers(self) -> tuple[StripeServer, PayPalServer]:
        """Return the providers through which people can pay."""
        return self.stripe, self.paypal

    @property
    def general(self) -> Channel:
        """Return the channel that everybody can see."""
        return self.guild.channel("general")

    @property
    def notices(self) -> Channel:
        """Return the channel in which the bot tells the admins what needs their attention."""
        return self.guild.channel("dues-notices")

    def roles_of(self, person: Person) -> list[str]:
        """Return the names of the roles that a person has now."""
        return self.world.roles_of(self.guild, person)

    def set_up(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the commands with which the admin opens the shop, in order."""
        gold, platinum = self.guild.role("Gold"), self.guild.role("Platinum")
        at_both = {"stripe_price": self.shop.gold, "paypal_plan": self.shop.gold_paypal}
        yearly, higher = {"stripe_price": self.shop.gold_yearly}, {"stripe_price": self.shop.platinum}
        return [
            ("plans add", _plan("Gold", gold, "The back room and its stories", at_both)),
            ("plans add", _plan("Gold for a year", gold, "Twelve months for ten", yearly)),
            ("plans add", _plan("Platinum", platinum, "Gold, and the Friday sessions", higher)),
            ("plans settings", {"notice_channel": self.notices, "plan_switching": True}),
        ]

    async def open_shop(self) -> None:
        """Run, as the admin, the commands that open the shop.

        Raises NotReadyError if the bot does not accept one.
        """
        with use_language(self.ada.user.locale):
            taken = (tr("plans.added"), tr("plans.settings"))
        for command, options in self.set_up():
            reply = await self.ada.run(self.general, command, options)
            if not any(words in reply.text for words in taken):
                raise NotReadyError(f"/{command} was answered: {reply.text}")

    async def turn(self, seconds: float) -> None:
        """Advance the clock by `seconds`, and wait until all work that becomes due is done."""
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self, within: float = 15.0) -> None:
        """Return once the providers have sent everything due, and the bot has done the work that follows.

        Deliveries that are held back, or wait for a later moment, do not count. Raises NotReadyError after
        `within` real seconds.
        """
        try:
            async with asyncio.timeout(within):
                await self._send()
                while self.peek.open_work(self.clock.now()):
                    await asyncio.sleep(PAUSE)  # a file cannot signal its changes
                    await self._send()
        except TimeoutError:
            raise NotReadyError("The bot still has work to do after so long; its log says why.") from None

    async def _send(self) -> None:
        for provider in self.providers:
            await provider.settle()


def _plan(name: str, role: object, description: str, prices: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "role": role, **prices, "description": description}


@asynccontextmanager
async def open_stage(
    clock: MovableClock | None = None, *, locale: str = ENGLISH, shards: int = 1
) -> AsyncIterator[Stage]:
    """Start everything on free loopback ports and in a temporary folder; stop and remove it on leaving.

    The clock shows the real time unless another one is given. `locale`: the language that all people have
    chosen in Discord, such as 'de'. `shards`: the number that Discord recommends to the bot. Raises
    NotReadyError if the bot does not start, and passes on the bot's own errors.
    """
    async with AsyncExitStack() as stack:
        clock = clock or MovableClock()
        world = DiscordWorld(clock)
        world.shards = world.max_concurrency = shards
        discord = DiscordServer(world)
        await discord.start(port=0)
        stack.push_async_callback(discord.stop)
        stripe = await stack.enter_async_context(
            StripeServer(clock, API_KEY, settings=Business(SERVER, "DE"))
        )
        paypal = await stack.enter_async_context(
            PayPalServer(clock, CLIENT_ID, CLIENT_SECRET, settings=Account(SERVER))
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dues-")))
        mia, tom, ada, guild, app = _populate(world, locale)
        shop = _furnish(stripe, paypal)
        settings = _settings(discord, stripe, paypal, folder)
        await _start_bot(stack, settings, world, app, clock)
        peek = LedgerPeek(settings.ledger_path)
        stack.callback(peek.close)
        yield Stage(clock, world, discord, stripe, paypal, guild, app, mia, tom, ada, shop, peek)


def _populate(world: DiscordWorld, locale: str) -> tuple[Person, Person, Person, Guild, Application]:
    """Create the owner, two members, the bot, the roles below the bot's, and a private channel.

    The bot posts the admins' notices in the private channel.
    """
    ada, mia, tom = (world.add_user(name, locale=locale) for name in ("Ada", "Mia", "Tom"))
    # Direct messages come to shard 0, the club's events to the last one.
    guild = world.add_guild(SERVER, owner=ada, locale=locale, shard=world.shards - 1)
    app = world.add_application(TOKEN, name="Dues", owner=ada, members_intent=True)
    own = world.install(app, guild, bits=MANAGE_ROLES)
    for name, colour in (("Silver", 0xB4BCCB), ("Gold", 0xE9B949), ("Platinum", 0x7FD1E8)):
        world.add_role(guild, name, colour).hoist = True
    for person in (mia, tom):
        world.add_member(guild, person)
        world.install_to_user(app, person)
    notices = world.add_channel(guild, "dues-notices", private=True)
    notices.overwrites[own.id] = (0, VIEW_CHANNEL | SEND_MESSAGES)
    return mia, tom, ada, guild, app


def _furnish(stripe: StripeServer, paypal: PayPalServer) -> Shop:
    silver, gold, platinum = (stripe.add_product(name) for name in ("Silver", "Gold", "Platinum"))
    return Shop(
        gold=stripe.add_price(gold, 500, currency="eur")["id"],
        gold_yearly=stripe.add_price(gold, 5000, "year", currency="eur")["id"],
        platinum=stripe.add_price(platinum, 900, currency="eur", trial_period_days=7)["id"],
        gold_paypal=_agreement(paypal, "Gold", "5.00"),
        silver=stripe.add_price(silver, 300, currency="eur")["id"],
        silver_paypal=_agreement(paypal, "Silver", "3.00"),
    )


def _agreement(paypal: PayPalServer, name: str, amount: str) -> str:
    return str(paypal.add_plan(paypal.add_product(name), amount, currency="EUR", name=name)["id"])


def _settings(discord: DiscordServer, stripe: StripeServer, paypal: PayPalServer, folder: Path) -> Settings:
    """Return the settings that an owner would write to .env."""
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    endpoint = stripe.add_endpoint(f"{public}/webhooks/stripe", list(EVENTS))
    webhook = paypal.add_webhook(f"{public}/webhooks/paypal", list(PAYPAL_EVENTS))
    return Settings.from_env(
        {
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_URL": discord.rest_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
            "HTTP_PORT": str(port),
            "PUBLIC_URL": public,
            "STRIPE_API_KEY": API_KEY,
            "STRIPE_WEBHOOK_SECRET": endpoint["secret"],
            "STRIPE_API_URL": stripe.url,
            "PAYPAL_CLIENT_ID": CLIENT_ID,
            "PAYPAL_CLIENT_SECRET": CLIENT_SECRET,
            "PAYPAL_WEBHOOK_ID": webhook["id"],
            "PAYPAL_API_URL": paypal.url,
            "PAYPAL_CA_FILE": str(paypal.ca_file),
        }
    )


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now.

    It is below the ports that the system assigns by itself, because any connection could get one of those
    before the port is used.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _start_bot(
    stack: AsyncExitStack, settings: Settings, world: DiscordWorld, app: Application, clock: MovableClock
) -> None:
    """Run the bot until the stack is closed; return once people can use its commands."""
    running = asyncio.create_task(bot.serve(settings, clock))
    stack.push_async_callback(_stop_bot, running)
    what = "the bot to log in and register its commands"
    seen = asyncio.create_task(world.until(lambda: _there(world, app), what, READY_SECONDS))
    await asyncio.wait([running, seen], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        seen.cancel()
        await running
        raise NotReadyError("The bot stopped before it was ready.")
    try:
        await seen
    except PersonError as error:
        raise NotReadyError(str(error)) from None


def _there(world: DiscordWorld, app: Application) -> bool:
    return bool(app.commands.get(None)) and len(world.hub.connected(app)) == world.shards


async def _stop_bot(running: asyncio.Task[None]) -> None:
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
