"""Helpers of the tests of outages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from billing.model import LongRenewal, TrialEnding
from billing.ports import Health
from standins.discord import Person
from standins.stripe.state import Obj
from tests.app.harness import AppHarness, link_of

MEMBER = "/guilds/*/members/*"
ROLE = f"{MEMBER}/roles/*"
GIVES, TAKES = ("PUT", ROLE), ("DELETE", ROLE)


def subscription_of(app: AppHarness, who: Person | None = None) -> Obj:
    """Their newest at Stripe."""
    mine = str((who or app.bob).id)
    return [s for s in app.stripe.world.all("subscription") if s["metadata"]["discord_user_id"] == mine][-1]


def changes_of(app: AppHarness, who: Person | None = None) -> list[str]:
    """All roles ever given to somebody and taken from them, in order: "+Gold", "-Gold"."""
    mine = [entry for entry in app.world.audit if entry["user_id"] == (who or app.bob).id]
    return [
        f"{sign}{role}" for e in mine for sign, part in (("+", "added"), ("-", "removed")) for role in e[part]
    ]


async def pay(app: AppHarness, who: Person | None = None) -> Obj:
    """To the payment, and no further."""
    reply = await (who or app.bob).run(app.guild, "subscribe", {"plan": "Gold"})
    return app.stripe.pay_checkout(link_of(reply))


async def patiently(app: AppHarness, holds: Callable[[], bool], within: float = 7200) -> None:
    """Turn the clock, a minute at a time, until it holds or so many seconds are over."""
    until = app.clock.now() + within
    await app.settled()
    while not holds() and app.clock.now() < until:
        await app.turn(60)
    assert holds()


async def health(app: AppHarness) -> Health:
    """The work that waits in the ledger."""
    return await app.ports.ledger.load_health(app.ports.now())


async def is_at_rest(app: AppHarness) -> bool:
    """Whether nothing waits, now or later, but for notices that the calendar planned for another day."""
    found = await health(app)
    if found.inbox or found.members or found.intents:
        return False
    notices = await app.ports.ledger.load_notices(1 << 62, found.notices) if found.notices else []
    planned = [notice for notice in notices if isinstance(notice.body, TrialEnding | LongRenewal)]
    return len(planned) == found.notices


def cards(who: Person, words: str) -> list[Any]:
    """Their direct messages that hold these words."""
    return [card for card in who.dms if words in card.text]


async def comes(app: AppHarness, probe: Callable[[], Awaitable[object]]) -> None:
    """Wait until it holds of the ledger; asked again after every commit."""
    async with asyncio.timeout(20):
        app.changed.clear()
        while not await probe():
            await app.changed.wait()
            app.changed.clear()


async def comes_to_rest(app: AppHarness) -> None:
    """Wait until nothing waits, now or later; a sweep may be under way yet."""
    await comes(app, lambda: is_at_rest(app))


def _rests(app: AppHarness) -> bool:
    """Whether the worker's sweeps wait for the clock and for nothing else."""
    assert app.process is not None
    coros: list[Any] = [task.get_coro() for task in app.process.worker._tasks]
    (sweeps,) = [coro for coro in coros if coro.__name__ == "_run_sweeps"]
    return getattr(getattr(sweeps, "cr_await", None), "__name__", "") == "_rest"


async def swept(app: AppHarness) -> None:
    """Wait for the next sweep, which checks everybody with a subscription at its end. The sweep before
    must have ended, because the turned clock would otherwise extend it."""
    async with asyncio.timeout(20):
        while not _rests(app):  # noqa: ASYNC110 - a coroutine tells nobody when it begins to wait
            await asyncio.sleep(0.01)
    app.clock.advance(3601)
    since, ledger = app.ports.now(), app.ports.ledger

    async def all_seen() -> bool:
        waits = (await ledger.load_health(since)).members
        return not waits and not await ledger.load_members_to_check(since, 1)

    await comes(app, all_seen)
    await app.settled()
