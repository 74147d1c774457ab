"""Where a history is played: a Stripe, a Discord, and the whole program between them, restartable."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiosqlite
import stripe

import cogs.role_sync
from billing.errors import LedgerUnavailable
from billing.model import Notice, Plan
from billing.ports import Ports
from billing.use_cases.ingest import ingest
from billing.use_cases.plans import Edit, add_plan, edit_plan
from billing.worker import Worker
from cogs.role_sync import DiscordRoles, RoleSync
from db import SqliteLedger
from providers.stripe.api import RETRIES
from providers.stripe.client import StripeProvider
from sandbox.discord import Application, DiscordWorld, Guild, Person, Role
from sandbox.stripe import StripeServer, state
from tests.faults.histories.edges import DiscordWire, Disk, HandClock, Heard, StripeWire, pauses
from tests.faults.histories.mail import SECRET, Mail
from tests.faults.histories.model import Model, PlanFacts

START = 1_800_000_000
NEVER = 10.0**10
SWEEPS = 3601.0  # seconds; a length that nothing else sleeps
HOUR = 3600
LONGEST_QUIET = 400_000

# Server, name, product, roles: two plans that share a role, and one in another server.
SOLD = ((0, "Gold", 0, (0, 2)), (0, "Silver", 1, (1, 2)), (1, "Chess", 2, (0,)))
# The ledger's file with these plans in it, and the plans, made once: every stage begins alike.
FURNISHED: list[tuple[bytes, list[Plan]]] = []


@dataclass
class Page:
    """A page to pay on, and whose it is."""

    url: str
    guild: int
    member: int


@dataclass
class Program:
    """One life of it, over a ledger file that outlives it."""

    ledger: SqliteLedger
    provider: StripeProvider
    ports: Ports
    worker: Worker
    cog: RoleSync


@dataclass
class Told:
    """The Messenger: what is said is looked at while it is said."""

    stage: Stage
    may_repeat: bool = False  # what was said and could not be noted as said

    async def tell(self, notice: Notice) -> None:
        await self.stage.pause()
        self.stage.on_told(notice)


class Stage:
    """Two servers, three members and an owner, two plans that share a role and one beside them."""

    def __init__(self, path: Path, seed: int, sweeps: float, intent: bool) -> None:
        self.path, self.sweeps, self.intent = path, sweeps, intent
        self.rng = random.Random(seed)
        self.pause = pauses(self.rng)
        self.clock = HandClock(START)
        self.server = StripeServer(self.clock)
        self.heard = Heard()
        self.disk = Disk(self.pause)
        self.model = Model(self.server.world)
        self.mail = Mail(self.server.world, self._receive)
        self.server.world.listeners[:] = [self.mail.on_event]
        self.told = Told(self)
        self.program: Program | None = None
        self.pages: list[Page] = []
        self.problems: list[str] = []
        self.unnoticed: set[tuple[int, int]] = set()  # came back, and only a sweep finds it
        self.revoking = 0  # orders under way
        self._passing = asyncio.Lock()  # two who wait for quiet would each hear the other
        self.wire: StripeWire | None = None
        self._beside: sqlite3.Connection | None = None
        self._furnish()
        self.discord = DiscordWire(self.world, self.app, self.pause, self._unclear)

    def _furnish(self) -> None:
        world = self.world = DiscordWorld(self.clock)
        self.owner = world.add_user("ada")
        self.members: list[Person] = [world.add_user(name) for name in ("bob", "cleo", "dan")]
        self.app: Application = world.add_application("token", owner=self.owner, members_intent=self.intent)
        self.guilds: list[Guild] = [world.add_guild(name, self.owner) for name in ("Pottery", "Chess")]
        self.bot_roles: list[Role] = []
        self.roles: list[list[Role]] = []
        for guild in self.guilds:
            self.bot_roles.append(world.install(self.app, guild))
            self.roles.append([world.add_role(guild, name) for name in ("gold", "silver", "club", "art")])
            world.set_role_position(self.bot_roles[-1], 90)
            for member in self.members:
                world.add_member(guild, member)
        products = [self.server.add_product(name)["id"] for name in ("Gold", "Silver", "Chess", "Soap")]
        self.products: list[str] = products
        self.prices: list[str] = [self.server.add_price(p, 500, currency="eur")["id"] for p in products]
        self.yearly: str = self.server.add_price(products[0], 5000, "year", currency="eur")["id"]
        publish = world.publish

        def published(kind: str, **facts: Any) -> None:
            publish(kind, **facts)
            self._heard(kind, facts)

        world.publish = published  # type: ignore[method-assign]  # a stand-in is opened up

    # -- the program --------------------------------------------------------------------------------------

    @property
    def ports(self) -> Ports:
        """Of the program that runs; LedgerUnavailable while none does."""
        if self.program is None:
            raise LedgerUnavailable(detail="the program is down")
        return self.program.ports

    async def open(self) -> None:
        """Start the program over a ledger in which the plans are on sale."""
        file, self.plans = FURNISHED[0]
        self.path.write_bytes(file)
        for plan, (_, _, product, _) in zip(self.plans, SOLD, strict=True):
            facts = PlanFacts(plan.id, plan.guild_id, set(plan.role_ids), {self.products[product]})
            self.model.add_plan(facts)
        await self.start()

    async def furnish(self) -> None:
        """Put the plans on sale, and keep the ledger that holds them for every stage to come."""
        await self.start()
        sold = [await self._sell(*plan) for plan in SOLD]
        await self.quiet()
        await self.close()
        FURNISHED.append((self.path.read_bytes(), sold))

    async def _sell(self, guild: int, name: str, product: int, roles: tuple[int, ...]) -> Plan:
        place = self.guilds[guild].id
        ids = [self.roles[guild][n].id for n in roles]
        edit = Edit(name, add_role=ids[0], price_ids={"stripe": self.prices[product]})
        plan = await add_plan(self.ports, place, edit, self.owner.id)
        for role in ids[1:]:
            plan = await edit_plan(self.ports, place, plan.id, Edit(add_role=role), self.owner.id)
        return plan

    async def start(self) -> None:
        """What bot.py composes, with the network taken out."""
        worker: list[Worker] = []

        def wake() -> None:
            for one in worker:
                one.wake()

        ledger = await SqliteLedger.open(self.path, wake)
        provider = StripeProvider(self.server.api_key, (SECRET,), None, self.clock)
        self.wire = StripeWire(self.server, self.heard, self.pause)
        provider._api._http = self.wire
        provider._api._client = stripe.StripeClient(
            self.server.api_key, max_network_retries=RETRIES, http_client=self.wire
        )
        bot: Any = self.discord
        ports = Ports(
            ledger=ledger,
            providers={"stripe": provider},
            roles=DiscordRoles(bot),
            messenger=self.told,
            clock=self.clock,
            grace=7 * 86_400,
            public_url="http://dues.example",
        )
        self.discord.ports = ports
        worker.append(Worker(ports, self.sweeps))
        cog = RoleSync(bot)
        self.program = Program(ledger, provider, ports, worker[0], cog)
        worker[0].start()
        await cog.on_ready()

    async def stop(self, *, abrupt: bool = False) -> None:
        """As on SIGTERM; or, abruptly, with everything that is under way left where it stands."""
        program, self.program = self.program, None
        if program is None:
            return
        if abrupt:
            self._forget_grants()
            self.told.may_repeat = True
            for task in program.worker._tasks:
                task.cancel()
            own = asyncio.current_task()
            for task in sorted(asyncio.all_tasks(), key=lambda task: (len(task.get_name()), task.get_name())):
                if task is not own and getattr(task.get_coro(), "__qualname__", "").startswith("Worker."):
                    task.cancel()
        await program.cog.cog_unload()
        await program.worker.close(0.0 if abrupt else 5.0)
        await program.ledger.close()
        await program.provider.close()

    def _forget_grants(self) -> None:
        """What was about to be given when the end came may have been given, for all that is known."""
        for grant in self.rows("SELECT guild_id, member_id, role_id FROM role_grants"):
            self._unclear(*grant)

    async def _receive(self, body: bytes, headers: Mapping[str, str]) -> None:
        await self.pause()
        program = self.program
        if program is None:
            raise LedgerUnavailable(detail="nobody listens")
        await ingest(program.ledger, self.clock, program.provider, body, headers)

    # -- time ---------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Until nothing is under way that needs no further time."""
        loop: Any = asyncio.get_running_loop()
        for _ in range(LONGEST_QUIET):
            await asyncio.sleep(0)
            if not loop._ready:
                return
        raise AssertionError("the work never ends")

    async def pass_time(self, seconds: float) -> None:
        """Turn the clock, stopping wherever something is due."""
        async with self._passing:
            await self._pass_time(self.clock.at + seconds)

    async def _pass_time(self, until: float) -> None:
        swept = False  # the first sweep is waited for; that the others find nothing new is taken for granted
        for _ in range(3000):
            self.server.catch_up()
            await self.quiet()
            due = await self._next_due()
            sweep_at = self.clock.next_wake(lambda length: length == self.sweeps)
            if not swept and sweep_at is not None and sweep_at <= due:
                due, swept = sweep_at, True
            if due > until:
                break
            self._turn(due)
        else:
            raise AssertionError("time does not pass: something is due again and again")
        self._turn(until)
        self.server.catch_up()
        await self.quiet()

    def _turn(self, to: float) -> None:
        self.clock.turn(to)
        self.server.catch_up()
        self.mail.send_due()

    async def _next_due(self) -> float:
        self.server.catch_up()
        now = self.clock.at
        short = self.clock.next_wake(lambda length: length < HOUR)
        moments = [self.server.world.next_due, self.mail.next_at(), short]
        if self.program is not None:
            moments.append(await self.program.ledger.load_next_due(int(now)))
        return min((m for m in moments if m is not None and m > now), default=math.inf)

    # -- what is heard ------------------------------------------------------------------------------------

    def _heard(self, kind: str, facts: dict[str, Any]) -> None:
        if kind == "roles_changed":
            self.on_roles(facts)
        elif kind == "member_left":
            for key in [k for k in self.model.whose if k[:2] == (facts["guild_id"], facts["user_id"])]:
                was = self.model.whose.pop(key)
                if was in ("bot", "unclear"):
                    self.model.whose[key] = "left"

    def on_roles(self, facts: dict[str, Any]) -> None:
        """Replaced by the checks."""

    def on_told(self, notice: Notice) -> None:
        """Replaced by the checks."""

    def _unclear(self, guild: int, member: int, role: int) -> None:
        if self.model.whose.get((guild, member, role)) is None:
            self.model.whose[guild, member, role] = "asked"

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What stands in the ledger's file, read beside the program."""
        if self._beside is None:
            self._beside = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        return self._beside.execute(query, values).fetchall()

    async def close(self) -> None:
        await self.stop()
        if self._beside is not None:
            self._beside.close()

    async def join(self, guild: Guild, member: Person) -> None:
        """Discord's event, which comes only with the members intent, and only to who listens."""
        heard = self.intent and self.program is not None
        if not heard or self.disk.full:
            self.unnoticed.add((guild.id, member.id))
        if heard and self.program is not None:
            who: Any = SimpleNamespace(guild=guild, id=member.id)
            await self.program.cog.on_member_join(who)

    def wake(self, guild: Guild) -> None:
        """Discord's events about roles, after which parked members are looked at again."""
        if self.program is not None:
            self.program.cog._wake(guild.id)


def _numbers() -> Callable[[int], str]:
    """Ids that come out the same every time."""
    count = itertools.count(1)
    return lambda length: f"{next(count):0{length}}"


@asynccontextmanager
async def opened(path: Path, seed: int, *, sweeps: bool, intent: bool) -> AsyncIterator[Stage]:
    """A stage with the plans on sale and nothing sold yet."""
    if not FURNISHED:
        async with _built(path.with_name("furnished.db"), 0, NEVER, False) as first:
            await first.furnish()
    async with _built(path, seed, SWEEPS if sweeps else NEVER, intent) as stage:
        await stage.open()
        await stage.quiet()
        yield stage


@asynccontextmanager
async def _built(path: Path, seed: int, sweeps: float, intent: bool) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(cogs.role_sync, "SETTLING", 0.0))
        stack.enter_context(patch.object(state, "token", _numbers()))
        stage = Stage(path, seed, sweeps, intent)
        stack.enter_context(patch.object(aiosqlite, "connect", stage.disk.connect))
        stack.push_async_callback(stage.close)
        yield stage
