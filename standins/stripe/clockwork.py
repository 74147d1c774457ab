"""Runs the local Stripe's due jobs as time passes, in order, each at its own moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from standins.stripe import billing
from standins.stripe.cancel import OVER, cancel_now
from standins.stripe.checkout import run_out
from standins.stripe.state import DAY, Obj, World

FIRST_PAYMENT = 23 * 3600

# when it is due (unix seconds), rank among jobs due at once, function, the object it acts on
Job = tuple[int, int, Callable[[World, Obj], object], Obj]


def jobs(world: World) -> Iterator[Job]:
    for subscription in world.all("subscription"):
        yield from _of_subscription(world, subscription)
    for invoice in world.all("invoice"):
        yield from _of_invoice(invoice)
    for session in world.all("checkout.session", status="open"):
        yield session["expires_at"], 5, run_out, session


def _of_subscription(world: World, subscription: Obj) -> Iterator[Job]:
    status = subscription["status"]
    if status in OVER:
        return
    if status == "incomplete":
        if not billing.is_on_its_way(world, world.by_id[subscription["latest_invoice"]]):
            yield subscription["created"] + FIRST_PAYMENT, 0, billing.expire_incomplete, subscription
        return
    if subscription["cancel_at"]:
        yield subscription["cancel_at"], 0, end, subscription
    if status == "paused":
        return
    resumes_at = (subscription["pause_collection"] or {}).get("resumes_at")
    if resumes_at:
        yield resumes_at, 1, lift_pause, subscription
    if status == "trialing" and world.hidden.get(("told", subscription["id"])) != subscription["trial_end"]:
        tell_at = max(subscription["trial_end"] - 3 * DAY, subscription["trial_start"])
        yield tell_at, 2, tell_trial_end, subscription
    yield billing.period_end(subscription), 3, billing.renew, subscription


def _of_invoice(invoice: Obj) -> Iterator[Job]:
    if invoice["status"] == "draft" and invoice["automatically_finalizes_at"]:
        yield invoice["automatically_finalizes_at"], 4, billing.finalize_due, invoice
    if invoice["status"] == "open" and invoice["next_payment_attempt"]:
        yield invoice["next_payment_attempt"], 4, billing.retry, invoice


def end(world: World, subscription: Obj) -> None:
    cancel_now(world, subscription, None)


def lift_pause(world: World, subscription: Obj) -> None:
    with world.changing(subscription, billing.UPDATED):
        subscription["pause_collection"] = None


def tell_trial_end(world: World, subscription: Obj) -> None:
    world.hidden["told", subscription["id"]] = subscription["trial_end"]
    world.emit("customer.subscription.trial_will_end", subscription)


def catch_up(world: World) -> int:
    """Run everything that is due by now; return the number of jobs run."""
    now, done, caller = int(world.clock.now()), 0, world.request
    if world.next_due is not None and world.next_due > now:
        return 0
    world.request = None
    try:
        while (job := _first(world)) and job[0] <= now:
            when, _, act, subject = job
            world.moment = max(when, world.moment or 0)
            act(world, subject)
            done += 1
    finally:
        world.moment, world.request = None, caller
    world.next_due = job[0] if job else math.inf
    return done


def _first(world: World) -> Job | None:
    return min(jobs(world), key=lambda job: job[:2], default=None)


def play(world: World) -> float:
    """Run everything that is due, and return when the next job is due, in unix seconds.

    Returns infinity if there is no further job.
    """
    catch_up(world)
    return math.inf if world.next_due is None else world.next_due
