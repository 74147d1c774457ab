"""The stage without sockets and threads, on which thousands of histories are played."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

import aiosqlite
import stripe

import billing.worker.schedule
import cogs.gateways.roles
import providers.pace
import providers.paypal.api
from billing.errors import LedgerUnavailable
from billing.model import Notice, Plan
from billing.model.panels import Panel
from billing.ports import Ports, Provider
from billing.use_cases.ingest import ingest
from billing.worker.runner import Worker
from cogs.gateways.roles import DiscordRoles
from cogs.role_retries import RoleSync
from db import SqliteLedger
from providers.paypal.provider import PayPalProvider
from providers.stripe.api import RETRIES
from providers.stripe.provider import StripeProvider
from standins.discord import Guild, Person
from standins.paypal import clockwork
from standins.paypal import state as paypal_state
from standins.rate_limits import RateLimits
from standins.stripe import state
from tests.simulation.disk import Disk
from tests.simulation.edges import START, DiscordWire, ManualClock, StripeWire, pauses
from tests.simulation.mail import SECRET, Mail
from tests.simulation.paypal_edge import URL, PayPalWire, connected
from tests.simulation.stage import NEVER, Stage

P = ParamSpec("P")
T = TypeVar("T")

SWEEPS = 3601.0  # seconds; a length that nothing else sleeps
HOUR = 3600
LONGEST_QUIET = 400_000
FOREVER = 1e9
MOST_STOPS = 3000

# The ledger with the plans in it and the file that counts its writes, and the plans, made once: every stage
# begins alike.
FURNISHED: list[tuple[bytes, bytes, list[Plan]]] = []


@dataclass
class Program:
    """A running program, over a ledger file that outlives it."""

    ledger: SqliteLedger
    ports: Ports
    worker: Worker
    cog: RoleSync


class QuickStage(Stage):
    """Time stands still until it is turned; what is under way together interleaves as the seed says."""

    def __init__(self, path: Path, seed: int, sweeps: float, intent: bool) -> None:
        self.manual_clock = ManualClock(START)
        super().__init__(path, self.manual_clock, sweeps, intent)
        self.paypal.world.url = URL
        self.paypal.world.settings.stale_billing_seconds = 600
        self.pause = pauses(random.Random(seed))
        self.disk = Disk(self.pause)
        self.mail = self._mail = Mail(self.server.world, self._receive)
        self.server.world.listeners[:] = [self._mail.on_stripe]
        self.paypal.world.listeners[:] = [self._mail.on_paypal]
        self._discord = DiscordWire(self.world, self.app, self.pause, self.unclear)
        self.discord_faults = self._discord.faults
        self._wires: dict[str, StripeWire | PayPalWire] = {}
        self._program: Program | None = None
        self._passing = asyncio.Lock()  # two who wait for quiet would each hear the other

    @property
    def ports(self) -> Ports:
        if self._program is None:
            raise LedgerUnavailable(detail="the program is down")
        return self._program.ports

    async def open(self) -> None:
        """Start the program over a ledger in which the plans are on sale."""
        file, count, plans = FURNISHED[0]
        self.path.write_bytes(file)
        self._count.write_bytes(count)
        self.know(plans)
        await self.start()

    async def furnish(self) -> None:
        """Put the plans on sale, and keep the ledger that holds them for every stage to come."""
        await self.start()
        sold = await self.sell()
        await self.quiet()
        await self.close()
        FURNISHED.append((self.path.read_bytes(), self._count.read_bytes(), sold))

    @property
    def _count(self) -> Path:
        return self.path.with_name(f"{self.path.name}.count")

    async def start(self) -> None:
        """Compose the program as bot.py does, without the network."""
        worker: list[Worker] = []

        def wake() -> None:
            for one in worker:
                one.wake()

        ledger = await SqliteLedger.open(self.path, wake)
        both: dict[str, Provider] = {"stripe": self._connect_stripe(), "paypal": self._connect_paypal()}
        bot: Any = self._discord
        ports = Ports(
            ledger=ledger,
            providers=both,
            roles=DiscordRoles(bot),
            messenger=self,
            clock=self.clock,
            grace=7 * 86_400,
            public_url="http://dues.example",
        )
        self._discord.ports = ports
        worker.append(Worker(ports, self.sweeps))
        self._program = Program(ledger, ports, worker[0], RoleSync(bot))
        self.is_up = True
        worker[0].start()
        await self._program.cog.on_shard_ready(0)

    def _connect_stripe(self) -> StripeProvider:
        provider = StripeProvider(self.server.api_key, (SECRET,), None, self.clock)
        self._wires["stripe"] = wire = StripeWire(self.server, self.heard, self.pause)
        provider._api._http = wire
        provider._api._client = stripe.StripeClient(
            self.server.api_key, max_network_retries=RETRIES, http_client=wire
        )
        return provider

    def _connect_paypal(self) -> PayPalProvider:
        self._wires["paypal"] = wire = PayPalWire(self.paypal, self.heard, self.model.paypal, self.pause)
        return connected(self.paypal, wire, self.clock)

    async def stop(self, *, abrupt: bool = False) -> None:
        program, self._program, self.is_up = self._program, None, False
        if program is None:
            return
        if abrupt:
            self.all_unclear()
            self.may_repeat = True
            _break_off(program.worker)
        await program.cog.cog_unload()
        await program.worker.close(0.0 if abrupt else 5.0)
        await program.ledger.close()
        for provider in program.ports.providers.values():
            await provider.close()

    async def show_panel(self, panel: Panel, plans: Sequence[Plan]) -> bool:
        """No server of the histories has a public card."""
        raise NotImplementedError

    async def tell(self, notice: Notice) -> None:
        """The Messenger: what is said is looked at while it is said."""
        await self.pause()
        self.on_told(notice)

    async def _receive(self, provider: str, body: bytes, headers: Mapping[str, str]) -> None:
        await self.pause()
        program = self._program
        if program is None:
            raise LedgerUnavailable(detail="nobody listens")
        await ingest(program.ledger, self.clock, program.ports.providers[provider], body, headers)

    # -- time ---------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        loop: Any = asyncio.get_running_loop()
        for _ in range(LONGEST_QUIET):
            await asyncio.sleep(0)
            if not loop._ready:
                return
        raise AssertionError("the work never ends")

    async def pass_time(self, seconds: float) -> None:
        """Turn the clock, stopping wherever something is due."""
        async with self._passing:
            await self._pass_time(self.manual_clock.at + seconds)

    async def _pass_time(self, until: float) -> None:
        swept = False  # the first sweep is waited for; that the others find nothing new is taken for granted
        for _ in range(MOST_STOPS):
            self._catch_up()
            await self.quiet()
            due = await self._next_due()
            sweep_at = self.manual_clock.next_wake(lambda length: length == self.sweeps)
            if not swept and sweep_at is not None and sweep_at <= due:
                due, swept = sweep_at, True
            if due > until:
                break
            self._turn(due)
        else:
            raise AssertionError("time does not pass: something is due again and again")
        self._turn(until)
        self._catch_up()
        await self.quiet()

    def _catch_up(self) -> None:
        self.server.catch_up()
        self.paypal.catch_up()

    def _turn(self, to: float) -> None:
        self.manual_clock.turn(to)
        self._catch_up()
        self._mail.send_due()

    async def _next_due(self) -> float:
        self._catch_up()
        now = self.manual_clock.at
        short = self.manual_clock.next_wake(lambda length: length < HOUR)
        moments = [self.server.world.next_due, clockwork.play(self.paypal.world), self._mail.next_at(), short]
        if self._program is not None:
            moments.append(await self._program.ledger.load_next_due(int(now)))
        return min((m for m in moments if m is not None and m > now), default=math.inf)

    # -- faults and events --------------------------------------------------------------------------------

    def fill_disk(self, commits: int) -> None:
        self.disk.full = commits

    def bend_answers(self, provider: str, *, strange: int = 0, behind: int = 0) -> None:
        if provider in self._wires:
            wire = self._wires[provider]
            wire.strange, wire.behind = strange, behind

    async def joined(self, guild: Guild, member: Person) -> None:
        await super().joined(guild, member)
        if self.disk.full:
            self.unnoticed.add((guild.id, member.id))
        if self.intent and self._program is not None:
            who: Any = SimpleNamespace(guild=guild, id=member.id)
            await self._program.cog.on_member_join(who)

    def roles_changed(self, guild: Guild) -> None:
        if self._program is not None:
            self._program.cog._wake(guild.id)


def _break_off(worker: Worker) -> None:
    """Stop at once and leave its unfinished work as it is, as a power failure does."""
    for task in worker._tasks:
        task.cancel()
    for task in sorted(asyncio.all_tasks(), key=lambda task: (len(task.get_name()), task.get_name())):
        if getattr(task.get_coro(), "__qualname__", "").startswith("Worker."):
            task.cancel()


async def _at_once(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """In place of `asyncio.to_thread`."""
    return function(*args, **kwargs)


def _numbers() -> Callable[[int], str]:
    """Ids that come out the same every time."""
    count = itertools.count(1)
    return lambda length: f"{next(count):0{length}}"


@asynccontextmanager
async def opened(path: Path, seed: int, sweeps: bool, intent: bool) -> AsyncIterator[Stage]:
    """A stage with the plans on sale and nothing sold yet."""
    if not FURNISHED:
        async with _built(path.with_name("furnished.db"), 0, NEVER, False) as first:
            await first.furnish()
    async with _built(path, seed, SWEEPS if sweeps else NEVER, intent) as stage:
        await stage.open()
        await stage.quiet()
        yield stage


@asynccontextmanager
async def _built(path: Path, seed: int, sweeps: float, intent: bool) -> AsyncIterator[QuickStage]:
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(cogs.gateways.roles, "SETTLING", 0.0))
        stack.enter_context(patch.object(cogs.gateways.roles, "RESTORING", 0.0))
        # A start looks for the last backup: a thread is late on a busy machine, and `quiet` does not see it.
        stack.enter_context(patch.object(asyncio, "to_thread", _at_once))
        # Time stands still between the moments at which something is due, so nobody need look in between.
        stack.enter_context(patch.object(billing.worker.schedule, "LONGEST_WAIT", FOREVER))
        stack.enter_context(patch.object(billing.worker.schedule, "BEAT", FOREVER))
        # Nothing here has a thread of its own, so nobody need wake the loop through a socket.
        loop = asyncio.get_running_loop()
        stack.enter_context(patch.object(loop, "call_soon_threadsafe", loop.call_soon))
        stack.enter_context(patch.object(state, "token", _numbers()))
        stack.enter_context(patch.object(paypal_state, "random", random.Random(0)))
        stack.enter_context(patch.object(providers.paypal.api, "PAUSES", (0.0, 0.0)))
        unpaced = dict.fromkeys(providers.pace.LIMITS, providers.pace.UNPACED)
        stack.enter_context(patch.object(providers.pace, "LIMITS", unpaced))
        stack.enter_context(patch.object(RateLimits, "enforced", False))
        stage = QuickStage(path, seed, sweeps, intent)
        stack.enter_context(patch.object(aiosqlite, "connect", stage.disk.connect))
        stack.push_async_callback(stage.close)
        yield stage
