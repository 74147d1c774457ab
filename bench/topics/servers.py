"""Measure a sweep over a ledger of 20,000 servers, each with plans, prices and a few members of its own.

Everything runs in one process and without a network. Only processor time is counted, which other work on the
machine hardly changes.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from bench.idle import GrantedRoles, IdleProgram, IdleStripe
from bench.large_ledger import ACCOUNT, DAY, MEMBER_STEP, NOW
from bench.machine import folder
from bench.table import Figure
from billing.model import (
    Binding,
    BoundBy,
    DisputeState,
    Item,
    Plan,
    Price,
    Seen,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.ports import ALL, ListPart
from billing.use_cases.sweep import sweep
from db import SqliteLedger
from db.queries.plans import record_plan
from db.queries.subscriptions import put
from db.sqlite.schema import prepare_writer

SERVERS = 20_000
MEMBERS = 4  # of each server
FIRST = 200_000_000_000_000_000  # the smallest id of a server
STRANGERS = 1_000  # subscriptions of nobody, each for a price of another server


def _plans(number: int) -> list[Plan]:
    """The plans of a server: every second one has two."""
    return [_plan(number, position) for position in range(1 + number % 2)]


def _plan(number: int, position: int) -> Plan:
    name = f"{number:08}{position}"
    price = Price("stripe", ACCOUNT, f"price_{name}", f"prod_{name}", 500, "eur", "month")
    return Plan(0, FIRST + number, f"Plan {position}", (_role(number, position),), (price,))


def _role(number: int, position: int) -> int:
    return FIRST * 2 + number * 10 + position


def _bought(number: int, price: Price, whose: Binding | None) -> Subscription:
    key = SubscriptionKey("stripe", ACCOUNT, f"sub_{number:08}")
    return Subscription(
        key,
        f"cus_{number:08}",
        Status.ACTIVE,
        "active",
        (Item(price),),
        NOW - 90 * DAY,
        period_start=NOW - DAY,
        period_end=NOW + 29 * DAY,
        binding=whose,
    )


def make(path: Path) -> list[Subscription]:
    """Write the ledger to a new file; return its subscriptions, as Stripe lists them."""
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    sold: list[Subscription] = []
    try:
        prepare_writer(db)
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        for number in range(SERVERS):
            plans = [record_plan(db, plan, "bench", NOW) for plan in _plans(number)]
            for of_server in range(MEMBERS):
                plan = plans[of_server % len(plans)]
                whose = Binding(FIRST + number, FIRST + (number * MEMBERS + of_server) * MEMBER_STEP)
                sold.append(_bought(len(sold), plan.prices[0], whose))
                _record(db, sold[-1], whose, plan.role_ids[0])
        for number in range(STRANGERS):
            sold.append(_bought(len(sold), _plan(number, 0).prices[0], None))
            put(db, None, sold[-1])
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")
    finally:
        db.close()
    return sold


def _record(db: sqlite3.Connection, sold: Subscription, whose: Binding, role: int) -> None:
    """Record a subscription whose member has the role and was checked."""
    put(db, None, sold)
    member = (whose.guild_id, whose.member_id)
    db.execute("INSERT INTO role_grants VALUES (?, ?, ?, ?)", (*member, role, NOW - DAY))
    db.execute(
        "INSERT INTO members (guild_id, member_id, version, checked_at) VALUES (?, ?, 1, ?)",
        (*member, NOW - DAY),
    )


class ListedStripe(IdleStripe):
    """A Stripe that lists its subscriptions."""

    def __init__(self, listed: Sequence[Subscription]) -> None:
        super().__init__()
        self._listed = listed

    async def list_subscriptions(
        self, ids: Sequence[str] = (), part: ListPart = ALL
    ) -> AsyncIterator[Subscription]:
        """Yield every subscription. As over a network, the event loop runs between two pages."""
        for number, one in enumerate(self._listed):
            if number % 100 == 0:
                await asyncio.sleep(0)
            yield one

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """Yield nothing."""
        for never in list[tuple[str, DisputeState]]():
            yield never

    def lacks_payer(self, subscription: Subscription, whose: Binding, bound_by: BoundBy) -> bool:
        """Return False: each one names its member."""
        return False


class SoldRoles(GrantedRoles):
    """A RoleGateway that answers from memory, and shows every member with the role that was sold to them."""

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """Return the members with their roles."""
        number = guild_id - FIRST
        await asyncio.sleep(0)
        return {
            one: Seen(frozenset({_role(number, (one - FIRST) // MEMBER_STEP % MEMBERS % (1 + number % 2))}))
            for one in member_ids
        }


@contextmanager
def longest_callback() -> Iterator[list[float]]:
    """Measure the longest callback of the event loop: the list's only item, in seconds of processor time."""
    longest, run = [0.0], vars(asyncio.Handle)["_run"]

    def timed(handle: asyncio.Handle) -> None:
        begun = time.thread_time()
        run(handle)
        longest[0] = max(longest[0], time.thread_time() - begun)

    with patch.object(asyncio.Handle, "_run", timed):
        yield longest


async def _rounds(path: Path, listed: Sequence[Subscription], rounds: int) -> tuple[list[float], list[float]]:
    """The processor seconds of each sweep, and its longest callback in milliseconds."""
    took, longest = [], []
    async with await SqliteLedger.open(path) as ledger:
        ports = IdleProgram(ledger, len(listed)).ports
        stripe: Any = ListedStripe(listed)
        cast("dict[str, Any]", ports.providers)["stripe"] = stripe
        object.__setattr__(ports, "roles", SoldRoles(ledger))
        gc.freeze()
        for number in range(rounds + 1):  # the first sends notices and warms up
            with longest_callback() as callback:
                begun = time.process_time()
                faults = await sweep(ports)
                seconds = time.process_time() - begun
            if faults:
                raise RuntimeError(f"The sweep failed: {faults}")
            if number:
                took.append(seconds)
                longest.append(callback[0] * 1e3)
    return took, longest


def measure(rounds: int) -> list[Figure]:
    """Return the table's rows about many servers."""
    with folder() as path:
        listed = make(path / "ledger.db")
        took, longest = asyncio.run(_rounds(path / "ledger.db", listed, rounds))
    where = f"a sweep over {SERVERS:,} servers"
    return [
        Figure(f"{where}, processor time", tuple(took), 10, 6, False, "s"),
        Figure(f"{where}, its longest callback", tuple(longest), 20, 10, False, "ms"),
    ]
