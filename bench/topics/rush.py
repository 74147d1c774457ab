"""Measures two thousand events at once, against a Stripe that allows 25 calls a second per endpoint.

The stand-ins are those of the sandbox, with a live account's limits. Many subscriptions renew, and meanwhile
somebody buys one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

from bench.load import subscription_id
from bench.machine import GENERATOR, folder, pin
from bench.server import LIVE_KEY, SECRET, serving
from bench.standins import TOKEN, member_of
from bench.table import Figure
from bench.topics.roles import wait_until_ready
from billing.model import Binding, Plan, Price, Subscription
from billing.ports import SyncResult
from db import SqliteLedger
from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from standins.discord import DiscordServer, DiscordWorld, Member, User
from standins.stripe import StripeServer, checkout
from standins.stripe.state import Obj

# Subscriptions of members, which the bot fetches by page, and of nobody, which it fetches one by one.
MEMBERS, STRANGERS = 2_000, 1_000
LIMIT = 25  # calls a second for one endpoint (docs.stripe.com/rate-limits, 2026-11)
BUYS_AFTER = 5.0  # seconds
PATIENCE = 300.0
_OPEN = """
    SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL) + (SELECT count(*) FROM stale)
"""


class Standins:
    """The local Discord and Stripe: a server with one role for sale, its members, and the paid account."""

    def __init__(self) -> None:
        clock = MovableClock()
        self.world = DiscordWorld(clock)
        owner = self.world.add_user("ada")
        self.guild = self.world.add_guild("Pottery", owner)
        app = self.world.add_application(TOKEN, name="Dues", owner=owner)
        self.world.set_role_position(self.world.install(app, self.guild), 90)
        self.role = self.world.add_role(self.guild, "Gold")
        self.discord = DiscordServer(self.world)
        self.stripe = StripeServer(clock, LIVE_KEY)
        self.gold = self.stripe.add_price(self.stripe.add_product("Gold"), 500)
        self.other = self.stripe.add_price(self.stripe.add_product("Something else"), 500)
        self._buyers = 0

    def fill(self) -> None:
        """Add the subscriptions, each a copy of one that was bought."""
        for first, many, price in ((0, MEMBERS, self.gold), (MEMBERS, STRANGERS, self.other)):
            model = self._buy(price, {})
            for number in range(first, first + many):
                self._copy(model, number)
                if first == 0:
                    self._join(member_of(number), [self.role.id])

    def _copy(self, model: Obj, number: int) -> None:
        world = self.stripe.world
        names = {"id": subscription_id(number), "customer": f"cus_{number}", "latest_invoice": f"in_{number}"}
        for name in ("customer", "latest_invoice"):
            world.add({**deepcopy(world.by_id[model[name]]), "id": names[name]})
        world.add({**deepcopy(model), **names})

    def _join(self, member: int, roles: Sequence[int]) -> None:
        self.world.users[member] = User(member, f"m{member}")
        self.guild.members[member] = Member(member, 0.0, [*roles])

    def _buy(self, price: Obj, metadata: dict[str, str]) -> Obj:
        given = {
            "mode": "subscription",
            "line_items": [{"price": price["id"], "quantity": 1}],
            "success_url": "http://127.0.0.1/",
            "subscription_data": {"metadata": metadata},
        }
        session = checkout.create_session(self.stripe.world, given)
        self.stripe.pay_checkout(session["id"])
        found: Obj = self.stripe.world.by_id[session["subscription"]]
        return found

    def send_to(self, port: int) -> None:
        """Send notifications to the program at that port.

        Only test mode is possible, because in live mode Stripe refuses addresses without https.
        """
        kinds = ["invoice.paid", "checkout.session.completed", "customer.subscription.created"]
        world = self.stripe.world
        world.livemode = False
        endpoint = self.stripe.add_endpoint(f"http://127.0.0.1:{port}/webhooks/stripe", kinds)
        world.livemode, world.hidden[endpoint["id"]] = True, [SECRET]

    def renew(self, numbers: range) -> None:
        """Report a payment for each of these subscriptions."""
        for number in numbers:
            self.stripe.world.emit("invoice.paid", self._invoice(number))

    def _invoice(self, number: int) -> Obj:
        invoice: Obj = self.stripe.world.by_id[f"in_{number}"]
        invoice["parent"]["subscription_details"]["subscription"] = subscription_id(number)
        return invoice

    async def buy(self) -> float:
        """Let a new member buy a subscription; return the seconds until they have the role."""
        self._buyers += 1
        member = 10**18 + self._buyers
        self._join(member, [])
        began = time.perf_counter()
        self._buy(
            self.gold,
            {
                "discord_user_id": str(member),
                "discord_guild_id": str(self.guild.id),
                "plan": "Gold",
                "dues_checkout": f"bench-{self._buyers}",
            },
        )
        async with asyncio.timeout(PATIENCE):
            while self.role.id not in self.guild.members[member].roles:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        return time.perf_counter() - began

    @property
    def asked(self) -> int:
        """Return the number of calls made to Stripe so far."""
        return self._asked

    def count(self, _: object) -> None:
        self._asked += 1

    _asked = 0


async def seed(path: Path, standins: Standins) -> None:
    """Record the plan, the members' subscriptions and their roles in a new ledger."""
    now, guild = int(time.time()), standins.guild.id
    provider = StripeProvider(LIVE_KEY, (SECRET,), standins.stripe.url, MovableClock())
    async with await SqliteLedger.open(path) as ledger:
        gold = standins.gold
        price = Price("stripe", "live", gold["id"], gold["product"], 500, "usd", "month")
        await ledger.record_plan(Plan(0, guild, "Gold", (standins.role.id,), (price,)), "bench", now)

        async def add(one: Subscription) -> None:
            member = member_of(int(one.key.id.removeprefix("sub_")))
            bound = replace(one, binding=Binding(guild, member))
            await ledger.record_synced(SyncResult(bound, "provider", "fetched", "bench", now))
            await ledger.record_granting(guild, member, standins.role.id, now)

        ours = {subscription_id(number) for number in range(MEMBERS)}
        listed = [one async for one in provider.list_subscriptions() if one.key.id in ours]
        await asyncio.gather(*map(add, listed))
        for mark in await ledger.load_queued_members(now, MEMBERS):
            await ledger.record_reconciled(mark, [], None, (), [], [], now)
    await provider.close()


@dataclass
class Taken:
    """The figures of each measurement, one for each round."""

    by_page: list[float] = field(default_factory=list)
    one_by_one: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    bought: list[float] = field(default_factory=list)


class Rush:
    """The running program, and the work that is waiting in its ledger."""

    def __init__(self, standins: Standins, ledger: Path) -> None:
        self._standins = standins
        self._db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)

    async def done(self, since: float) -> float:
        """Wait until no work is left in the ledger; return the seconds since `since`."""
        async with asyncio.timeout(PATIENCE):
            while self._db.execute(_OPEN).fetchone()[0]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        return time.perf_counter() - since

    async def renew(self, numbers: range) -> float:
        """Let subscriptions renew; return how long that took, as a multiple of the shortest possible time.

        The shortest possible time is that of one call for each event at Stripe's limit.
        """
        began = time.perf_counter()
        self._standins.renew(numbers)
        await self._arrived(len(numbers))
        return await self.done(began) / (len(numbers) / LIMIT)

    async def _arrived(self, many: int) -> None:
        """Wait until the last event is in the inbox; before that, the ledger could seem to have no work."""
        async with asyncio.timeout(PATIENCE):
            await self._standins.stripe.settle()

    async def round(self, taken: Taken) -> None:
        """Measure two bursts of renewals, with a purchase during the second."""
        stripe = self._standins.stripe
        asked, refused = self._standins.asked, stripe.limits.refused
        taken.by_page.append(await self.renew(range(MEMBERS)))
        strangers = asyncio.ensure_future(self.renew(range(MEMBERS, MEMBERS + STRANGERS)))
        await asyncio.sleep(BUYS_AFTER)
        taken.bought.append(await self._standins.buy())
        taken.one_by_one.append(await strangers)
        asked = self._standins.asked - asked
        taken.refused.append(100 * (stripe.limits.refused - refused) / asked)


async def _rounds(wanted: int) -> Taken:
    async with AsyncExitStack() as stack:
        path, standins = stack.enter_context(folder()), Standins()
        standins.stripe.watch(standins.count)
        await standins.discord.start(0)
        stack.push_async_callback(standins.discord.stop)
        await stack.enter_async_context(standins.stripe)
        standins.fill()
        limits = standins.stripe.limits
        limits.enforced = False
        await seed(path / "ledger.db", standins)
        limits.enforced = True
        where = f"{standins.discord.rest_url.removesuffix('/api/v10')} {standins.stripe.url}"
        server = await asyncio.to_thread(stack.enter_context, serving("rush", path, where))
        await wait_until_ready(server.port)
        pin(GENERATOR)
        standins.send_to(server.port)
        rush, taken = Rush(standins, path / "ledger.db"), Taken()
        await asyncio.sleep(5)  # the first sweep
        await rush.done(time.perf_counter())
        for _ in range(wanted):
            await rush.round(taken)
        return taken


def measure(rounds: int) -> list[Figure]:
    """Return the table's rows about many events at once."""
    taken = uvloop.run(_rounds(rounds))
    one_each = f"to one call each at {LIMIT} a second"
    return [
        Figure(f"{MEMBERS:,} renewals at once, {one_each}", tuple(taken.by_page), 1.25, 0.5, False),
        Figure(f"{STRANGERS:,} fetched one by one, {one_each}", tuple(taken.one_by_one), 1.25, 1.15, False),
        Figure("calls of a rush that are answered 429", tuple(taken.refused), 1, 0.2, False, "%"),
        Figure("a purchase amid a rush, to its role", tuple(taken.bought), 5, 2, False, "s"),
    ]
