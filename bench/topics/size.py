"""Measures the same work on small ledgers and on large ones, and compares the times."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import uvloop

from bench.command_client import Bare, Wire
from bench.idle import TOGETHER, IdleProgram
from bench.large_ledger import DAY, GUILD, NOW, ROLES, Size, make, price
from bench.machine import folder
from bench.table import Figure
from billing.model import Binding, Item
from cogs.bot import DuesBot
from db import SqliteLedger
from db.queries.rows import sold

SMALL, LARGE, LARGEST = 1_000, 1_000_000, 3_000_000
BATCHES = 12  # of 64 events, a round
COMMANDS = 150

# One direction of the comparison; what SQL itself offers for it.
_EXCEPT = """
    SELECT count(*) FROM (
        SELECT member_id, gives.value ->> 1 FROM subscriptions JOIN json_each(:gives) AS gives
            ON sale = gives.value ->> 0
        WHERE guild_id = :guild AND status IN ('active', 'trialing', 'past_due')
        EXCEPT SELECT member_id, role_id FROM role_grants WHERE guild_id = :guild)
"""


class Rows:
    """The results of each round, by the label of their row."""

    def __init__(self) -> None:
        self.rate: list[float] = []
        self.sweep: list[float] = []
        self.lag: list[float] = []
        self.faster: list[float] = []
        self.answer: list[float] = []
        self.listing: list[float] = []


def measure(rounds: int) -> list[Figure]:
    """Return the rows that depend on the number of subscriptions, including a command's first answer."""
    rows = Rows()
    with folder() as path:
        for size in (SMALL, LARGE, LARGEST):
            make(path / f"{size}.db", Size.of(size))
        uvloop.run(_measure(path, rounds, rows))
    return [
        Figure("rate at 1,000,000 subscriptions to that at 1,000", tuple(rows.rate), 0.65, 0.80, True),
        Figure("a command's first answer, to discord.py's own", tuple(rows.answer), 2, 1.3, False),
        Figure("/subscriptions at 3,000,000 subscriptions to 1,000", tuple(rows.listing), 2, 1.3, False),
        Figure("sweep, ledger to wanted roles, a subscription", tuple(rows.sweep), 0.6, 0.6, False, "µs"),
        Figure("sweep, times faster than SQL EXCEPT one way", tuple(rows.faster), 1, 4, True),
        Figure("loop lag p99 during that sweep", tuple(rows.lag), 6, 6, False, "ms"),
    ]


async def _measure(path: Path, rounds: int, rows: Rows) -> None:
    async with AsyncExitStack() as stack:
        stills = {}
        for size in (SMALL, LARGE, LARGEST):
            ledger = await stack.enter_async_context(await SqliteLedger.open(path / f"{size}.db"))
            stills[size] = IdleProgram(ledger, size)
        wire, bare = Wire(), Bare()
        await wire.open(bare)
        bots = {size: DuesBot() for size in (SMALL, LARGEST)}
        for size, bot in bots.items():
            await wire.open(bot)
            await bot.setup(stills[size].ports)
        for number in range(rounds + 1):  # the first warms up
            taken = Rows()
            await _rates(stills, taken)
            await _sweeps(stills[LARGE], path / f"{LARGE}.db", taken, compared=number > 0)
            await _commands(wire, bare, bots, stills, taken)
            if number:
                for name, values in vars(taken).items():
                    getattr(rows, name).extend(values)


async def _rates(stills: dict[int, IdleProgram], taken: Rows) -> None:
    seconds = {SMALL: 0.0, LARGE: 0.0}
    for _ in range(BATCHES):
        for size, still in stills.items():
            if size in seconds:
                picked = {one.key: one for one in [await still.pick() for _ in range(TOGETHER)]}
                begun = perf_counter()
                await still.work(list(picked.values()))
                seconds[size] += (perf_counter() - begun) / len(picked)
    taken.rate.append(seconds[SMALL] / seconds[LARGE])


async def _sweeps(still: IdleProgram, path: Path, taken: Rows, *, compared: bool) -> None:
    took, late = await still.lags(still.ledger.load_drifted_members(Binding(0, 0), NOW, 7 * DAY, LARGE))
    taken.sweep.append(took / LARGE * 1e6)
    taken.lag.append(quantiles(late, n=100)[-1] * 1e3)
    if compared:  # it takes seconds
        taken.faster.append(await asyncio.to_thread(_compared_by_sql, path) / took)


def _compared_by_sql(path: Path) -> float:
    db = sqlite3.connect(path)
    sales = dict(db.execute("SELECT sold, id FROM sales"))
    numbers = [sales[sold((Item(price(number)),))] for number in range(2 * len(ROLES))]
    gives = [(sale, role) for number, sale in enumerate(numbers) for role in ROLES[number // 2]]
    begun = perf_counter()
    db.execute(_EXCEPT, {"gives": json.dumps(gives), "guild": GUILD}).fetchone()
    took = perf_counter() - begun
    db.close()
    return took


async def _commands(
    wire: Wire, bare: Bare, bots: dict[int, DuesBot], stills: dict[int, IdleProgram], taken: Rows
) -> None:
    first, floor = 0.0, 0.0
    whole = dict.fromkeys(bots, 0.0)
    for _ in range(COMMANDS):
        floor += (await wire.give(bare, "subscriptions", 10**17, 1))[0]
        for size, bot in bots.items():
            member = stills[size].random_member(Size.of(size).members)
            answered = await wire.give(bot, "subscriptions", member, 2)
            whole[size] += answered[1]
            first += answered[0] / len(bots)
    taken.answer.append(first / floor)
    taken.listing.append(whole[LARGEST] / whole[SMALL])
