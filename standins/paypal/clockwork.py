"""Runs the local PayPal's due jobs as time passes, in order, each at its own moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from standins.paypal import billing
from standins.paypal.state import Subscription, World

# when it is due (unix seconds), rank among jobs due at once, function, the subscription it acts on
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
    """Run everything that is due by now; return the number of jobs run."""
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


def play(world: World) -> float:
    """Run everything that is due, and return when the next job is due, in unix seconds.

    Returns infinity if there is no further job.
    """
    catch_up(world)
    job = _first(world)
    return job[0] if job else math.inf
