"""What time does by itself: everything due is played in order, each at its own moment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator

from sandbox.paypal import billing
from sandbox.paypal.state import Subscription, World

FAR = 3600.0  # seconds; how long to sleep at most

# when (unix seconds), rank among equals, what to do, to what
Job = tuple[int, int, Callable[[World, Subscription], object], Subscription]


def jobs(world: World) -> Iterator[Job]:
    for subscription in world.all("subscription"):
        if subscription.status != "ACTIVE":
            continue
        if subscription.retry_at is not None:
            yield subscription.retry_at, 0, billing.retry, subscription
        if subscription.next_at is not None:
            yield subscription.next_at, 1, billing.renew, subscription


def catch_up(world: World) -> int:
    """Play what is due by now; how many things happened."""
    now, done = int(world.clock.now()), 0
    try:
        while (job := _first(world)) and job[0] <= now:
            when, _, act, subject = job
            world.moment = max(when, world.moment or 0)
            act(world, subject)
            done += 1
    finally:
        world.moment = None
    return done


def _first(world: World) -> Job | None:
    return min(jobs(world), key=lambda job: job[:2], default=None)


async def run(world: World, wake: asyncio.Event) -> None:
    """Keep playing as the clock moves, until cancelled."""
    while True:
        catch_up(world)
        job = _first(world)
        due = job[0] if job else math.inf
        wake.clear()
        seconds = min(max(due - world.clock.now(), 0.05), FAR)
        sleepers = [asyncio.ensure_future(world.clock.sleep(seconds)), asyncio.ensure_future(wake.wait())]
        try:
            await asyncio.wait(sleepers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sleeper in sleepers:
                sleeper.cancel()
