"""What the tests of this folder ask of a town."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from billing.ports import Health
from standins.discord import Person
from standins.stripe.state import Obj
from tests.cogs.town import Town, link_of

MEMBER = "/guilds/*/members/*"
ROLE = f"{MEMBER}/roles/*"
GIVES, TAKES = ("PUT", ROLE), ("DELETE", ROLE)


def subscription_of(town: Town, who: Person | None = None) -> Obj:
    """Their newest at Stripe."""
    mine = str((who or town.bob).id)
    return [s for s in town.stripe.world.all("subscription") if s["metadata"]["discord_user_id"] == mine][-1]


def changes_of(town: Town, who: Person | None = None) -> list[str]:
    """What was ever given to somebody and taken from them, in order: "+Gold", "-Gold"."""
    mine = [entry for entry in town.world.audit if entry["user_id"] == (who or town.bob).id]
    return [
        f"{sign}{role}" for e in mine for sign, part in (("+", "added"), ("-", "removed")) for role in e[part]
    ]


async def pay(town: Town, who: Person | None = None) -> Obj:
    """To the payment, and no further."""
    reply = await (who or town.bob).run(town.guild, "subscribe", {"plan": "Gold"})
    return town.stripe.pay_checkout(link_of(reply))


async def patiently(town: Town, holds: Callable[[], bool], within: float = 7200) -> None:
    """Turn the clock, a minute at a time, until it holds or so many seconds are over."""
    until = town.clock.now() + within
    await town.settled()
    while not holds() and town.clock.now() < until:
        await town.turn(60)
    assert holds()


async def health(town: Town) -> Health:
    """What waits in the ledger."""
    return await town.ports.ledger.load_health(town.ports.now())


async def is_at_rest(town: Town) -> bool:
    """Whether nothing waits, now or later."""
    found = await health(town)
    return not (found.inbox or found.members or found.intents or found.notices)


async def newcomer(town: Town, name: str) -> Person:
    """A further member of the server."""
    who = town.world.add_user(name)
    town.world.add_member(town.guild, who)
    return who


def cards(who: Person, words: str) -> list[Any]:
    """Their direct messages that hold these words."""
    return [card for card in who.dms if words in card.text]


async def comes(town: Town, probe: Callable[[], Awaitable[object]]) -> None:
    """Wait until it holds of the ledger; asked again after every commit."""
    async with asyncio.timeout(20):
        town.changed.clear()
        while not await probe():
            await town.changed.wait()
            town.changed.clear()


async def comes_to_rest(town: Town) -> None:
    """Wait until nothing waits, now or later; a sweep may be under way yet."""
    await comes(town, lambda: is_at_rest(town))


def _rests(town: Town) -> bool:
    """Whether the worker's sweeps wait for the clock and for nothing else."""
    assert town.process is not None
    coros: list[Any] = [task.get_coro() for task in town.process.worker._tasks]
    (sweeps,) = [coro for coro in coros if coro.__name__ == "_run_sweeps"]
    return getattr(getattr(sweeps, "cr_await", None), "__name__", "") == "_rest"


async def swept(town: Town) -> None:
    """The next sweep: everybody with anything is looked at anew at its end. The one before rests by then, or
    it would do so from the turned clock on."""
    async with asyncio.timeout(20):
        while not _rests(town):  # noqa: ASYNC110 - a coroutine tells nobody when it begins to wait
            await asyncio.sleep(0.01)
    town.clock.advance(3601)
    since, ledger = town.ports.now(), town.ports.ledger

    async def all_seen() -> bool:
        waits = (await ledger.load_health(since)).members
        return not waits and not await ledger.load_members_to_check(since, 1)

    await comes(town, all_seen)
    await town.settled()
