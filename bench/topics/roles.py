"""Measures the way from a notification to a role through the whole program.

The providers are stand-ins that answer at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import aiohttp
import uvloop

from bench.load import Order, Tally, requests, send, subscription_id
from bench.machine import GENERATOR, folder, pin
from bench.server import SECRET, Server, serving
from bench.standins import PRICE, StandIns, member_of
from bench.table import Figure
from billing.model import Binding, Plan, Price
from billing.ports import SyncResult
from db import SqliteLedger
from providers.stripe.mapping import map_subscription

ALONE, AT_ONCE, RATE, SECONDS = 100, 600, 3_000, 1.5
CALLEES = 10**9  # numbers of nobody's subscriptions begin here
QUIET = 0.5  # seconds without a call: nothing goes on any more
PATIENCE = 60.0


async def seed(path: Path, standins: StandIns) -> None:
    """Record a plan and members' paused subscriptions in a new ledger."""
    now = int(time.time())
    guild = standins.guild.id
    async with await SqliteLedger.open(path) as ledger:
        price = Price("stripe", "test", PRICE, "prod_bench", 500, "eur", "month")
        await ledger.record_plan(Plan(0, guild, "Gold", (standins.role.id,), (price,)), "bench", now)

        async def add(number: int) -> None:
            fetched = map_subscription(standins.subscription(number), "test")
            bound = replace(fetched, binding=Binding(guild, member_of(number)))
            await ledger.record_synced(SyncResult(bound, "provider", "fetched", "bench", now))

        await asyncio.gather(*map(add, range(standins.seeded)))
        for mark in await ledger.load_queued_members(now, standins.seeded):
            await ledger.record_reconciled(mark, [], None, (), [], [], now)


class Stage:
    """The program, its stand-ins, and a separate process that makes only the same calls."""

    def __init__(self, standins: StandIns, server: Server, calls: Server) -> None:
        self._standins, self._server, self._calls = standins, server, calls
        self._members = 0
        self._callees = count(CALLEES)
        self._strangers = count(standins.seeded, int(RATE * SECONDS) + 100)

    async def _quiet(self) -> None:
        """Wait until no call has been made for QUIET seconds."""
        called_at = -1.0
        while called_at != self._standins.called_at:
            called_at = self._standins.called_at
            await asyncio.sleep(QUIET)

    def _take(self, how_many: int) -> range:
        numbers = range(self._members, self._members + how_many)
        self._members += how_many
        self._standins.resume(numbers)
        return numbers

    async def alone(self) -> float:
        """Return how long a role takes after its event, in milliseconds (p99), without the calls themselves.

        A hundred events are sent. The calls are made in turns with them, and the calls' median is subtracted,
        so that their own slowest ones count as the program's.
        """
        await self._quiet()
        numbers = self._take(ALONE)
        took, floor = [], []
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        order = Order(self._server.port, 1, 0.0, numbers.start, ALONE, secret=SECRET)
        for number, request in zip(numbers, requests(order), strict=True):
            floor.append(await self._call(next(self._callees)))
            await asyncio.sleep(0.02)
            sent = time.perf_counter()
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            took.append(await self._given(number) - sent)
            await asyncio.sleep(0.02)
        writer.close()
        return (sorted(took)[int((ALONE - 1) * 0.99)] - median(floor)) * 1000

    async def _call(self, number: int) -> float:
        """Return the seconds for a fetch from Stripe and a PUT to Discord, made by the separate process."""
        role = (self._standins.guild.id, member_of(number), self._standins.role.id)
        sent = time.perf_counter()
        self._calls.say(json.dumps([subscription_id(number), *role]))
        return await self._given(number) - sent

    async def carried(self) -> float:
        """Return the roles given per second when all events are sent at once.

        The time runs from the first event sent to the last role given.
        """
        await self._quiet()
        numbers = self._take(AT_ONCE)
        order = Order(self._server.port, 16, PATIENCE, numbers.start, AT_ONCE, secret=SECRET)
        began = (await self._load(order)).began
        return AT_ONCE / (max([await self._given(number) for number in numbers]) - began)

    async def lag(self) -> float:
        """Return how late the event loop's timers are under load: p99, in milliseconds."""
        first = next(self._strangers)
        order = Order(self._server.port, 64, SECONDS, first, int(RATE * SECONDS) + 99, RATE, SECRET)
        self._server.lags()
        await self._load(order)
        lags = sorted(self._server.lags())
        return lags[int(len(lags) * 0.99)] * 1000

    async def _given(self, number: int) -> float:
        async with asyncio.timeout(PATIENCE):
            return await self._standins.given(member_of(number))

    async def _load(self, order: Order) -> Tally:
        """Send the order's events from a thread, because the stand-ins answer in this one."""
        return await asyncio.to_thread(partial(send, order))


@dataclass
class Taken:
    """The figures of each measurement, one for each round."""

    alone: list[float] = field(default_factory=list)
    carried: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)


async def _rounds(wanted: int) -> Taken:
    async with AsyncExitStack() as stack:
        path = stack.enter_context(folder())
        standins = StandIns(seeded=wanted * (ALONE + AT_ONCE))
        url = await stack.enter_async_context(standins.serving())
        await seed(path / "ledger.db", standins)
        server = await asyncio.to_thread(stack.enter_context, serving("dues", path, url))
        await wait_until_ready(server.port)
        calls = await asyncio.to_thread(stack.enter_context, serving("calls", path, url))
        pin(GENERATOR)  # not before: the servers would be kept to that core, too
        stage = Stage(standins, server, calls)
        taken = Taken()
        for _ in range(wanted):
            taken.alone.append(await stage.alone())
            taken.carried.append(await stage.carried())
        for _ in range(wanted):
            taken.lag.append(await stage.lag())
        return taken


async def wait_until_ready(port: int) -> None:
    """Return once the program's /readyz answers 200."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)


def measure(rounds: int) -> list[Figure]:
    """Return the table's rows about roles and the event loop."""
    taken = uvloop.run(_rounds(rounds))
    return [
        Figure(
            f"loop lag, p99, while {RATE:,} a second come in and are worked on",
            tuple(taken.lag),
            5.0,
            2.0,
            more_is_better=False,
            unit="ms",
        ),
        Figure(
            "notification to role, less a fetch and a PUT of their own, p99",
            tuple(taken.alone),
            10.0,
            5.0,
            more_is_better=False,
            unit="ms",
        ),
        Figure(
            "events carried through to roles, a second",
            tuple(taken.carried),
            300.0,
            800.0,
            more_is_better=True,
        ),
    ]
