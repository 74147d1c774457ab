"""The program's use cases over a ledger of any size, without network, worker or waiting.

The provider and Discord are replaced by objects that answer at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from bench.large_ledger import ACCOUNT, DAY, NOW, member_id
from billing.model import Event, Seen, Status, Subject, Subscription, SubscriptionKey
from billing.ports import Messenger, Ports, Provider
from billing.use_cases.reconcile import reconcile_member
from billing.use_cases.sync import locate_event, sync_subscription
from db import SqliteLedger

TOGETHER = 64


class FixedClock:
    """A clock that always shows NOW."""

    def now(self) -> float:
        """Return NOW, in unix seconds."""
        return float(NOW)

    async def sleep(self, seconds: float) -> None:
        """Raise NotImplementedError, because nothing here may sleep."""
        raise NotImplementedError


class IdleStripe:
    """A Stripe without a network that answers with the subscriptions put into it."""

    name, title, account, keeps_period, lists_all = "stripe", "Stripe", ACCOUNT, True, True

    clock_skew = 0.0

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}

    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """Return the subscription in its current state."""
        return self.subscriptions[subscription_id]


class GrantedRoles:
    """A RoleGateway that reports the roles which the ledger says were granted."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    async def fetch_member(self, guild_id: int, member_id: int) -> Seen:
        """Return the granted roles, read from the ledger."""
        return Seen((await self._ledger.load_member_state(guild_id, member_id)).granted)

    async def look(self, guild_id: int, member_ids: Sequence[int]) -> Mapping[int, Seen]:
        """Return the granted roles of several members, read from the ledger."""
        return {one: await self.fetch_member(guild_id, one) for one in member_ids}

    async def fetch_owners(self) -> frozenset[int]:
        """Return no ids, because nobody owns the application."""
        return frozenset()

    def is_in(self, guild_id: int) -> bool:
        """Return True for every server."""
        return True

    async def apply_role(
        self, guild_id: int, member_id: int, role_id: int, *, give: bool, reason: str
    ) -> None:
        """Raise NotImplementedError, because roles are always as granted."""
        raise NotImplementedError


class IdleProgram:
    """A ledger and the use cases on it; the caller decides when to work.

    There is no worker, network or Discord.
    """

    def __init__(self, ledger: SqliteLedger, subscriptions: int) -> None:
        self.ledger, self.stripe = ledger, IdleStripe()
        self._size, self._random, self._events = subscriptions, random.Random(1), 0
        providers = {"stripe": cast(Provider, self.stripe)}
        nobody: Any = None
        self.ports = Ports(
            ledger,
            providers,
            GrantedRoles(ledger),
            cast(Messenger, nobody),
            FixedClock(),
            7 * DAY,
            "http://127.0.0.1",
        )

    async def pick(self) -> Subscription:
        """Return a random active subscription."""
        while True:
            name = f"sub_1Big{10**15 + self._random.randrange(self._size)}"
            found = await self.ledger.load_subscription(SubscriptionKey("stripe", ACCOUNT, name))
            if found is not None and found.status is Status.ACTIVE:
                return found

    async def work(self, picked: Sequence[Subscription]) -> None:
        """Process one event for each subscription through to its member.

        Each event schedules the subscription's end, or undoes that.
        """
        led, at = self.ledger, NOW
        events = []
        for one in picked:
            ends_at = one.period_end if one.ends_at is None else None
            self.stripe.subscriptions[one.key.id] = replace(one, ends_at=ends_at, binding=None)
            self._events += 1
            subject = Subject("subscription", one.key.id)
            events.append(Event("stripe", ACCOUNT, f"evt_{self._events}", "updated", subject, at))
        await asyncio.gather(*(led.record_events([event], at) for event in events))
        pending = await led.load_pending_events(at, TOGETHER)
        await asyncio.gather(*(locate_event(self.ports, event) for event in pending))
        stale = await led.load_stale(at, TOGETHER)
        await asyncio.gather(*(sync_subscription(self.ports, one) for one in stale))
        marked = await led.load_queued_members(at, TOGETHER)
        await asyncio.gather(*(reconcile_member(self.ports, mark) for mark in marked))

    def random_member(self, members: int) -> int:
        """Return the id of a random member of the first `members`."""
        return member_id(self._random.randrange(members))

    async def lags(self, work: Any) -> tuple[float, list[float]]:
        """Await `work`; return its seconds, and how late each 1 ms timer was meanwhile, in seconds."""
        loop, late = asyncio.get_running_loop(), list[float]()

        async def watch() -> None:
            while True:
                due = loop.time() + 0.001
                await asyncio.sleep(0.001)
                late.append(loop.time() - due)

        watching = asyncio.create_task(watch())
        begun = loop.time()
        await work
        took = loop.time() - begun
        watching.cancel()
        return took, late
