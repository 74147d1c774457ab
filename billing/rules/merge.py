"""Merges a recorded subscription with a newly fetched snapshot. Pure."""

from __future__ import annotations

from dataclasses import replace

from billing.model import BoundBy, DisputeState, Status, Subscription


def merge(old: Subscription | None, new: Subscription, at: int, *, at_once: bool = False) -> Subscription:
    """Return the snapshot, completed with the recorded facts that it does not name.

    An existing binding is kept, and a dispute changes only if the snapshot names one. A payment counts as
    overdue since it was first seen as such, because the member was told then how long the roles stay.
    """
    owed = new.unpaid_since
    if new.status is Status.PAST_DUE:
        before = old.unpaid_since if old and old.status is Status.PAST_DUE else None
        owed = next((t for t in (before, owed) if t is not None), at)
    keeps_dispute = old is not None and new.dispute is DisputeState.NONE
    return replace(
        new,
        unpaid_since=owed,
        paid_through=_paid_through(old, new, at, at_once=at_once),
        dispute=old.dispute if old and keeps_dispute else new.dispute,
        binding=(old.binding if old else None) or new.binding,
        bound_by=_bound_by(old, new),
        checkout_id=new.checkout_id or (old.checkout_id if old else None),
    )


def _bound_by(old: Subscription | None, new: Subscription) -> BoundBy:
    """Return the recorded evidence of the owner.

    Return the new evidence instead if none is recorded, or if it confirms an admin's.
    """
    if old is None or old.binding is None or (old.bound_by is BoundBy.ADMIN and old.binding == new.binding):
        return new.bound_by
    return old.bound_by


def _paid_through(old: Subscription | None, new: Subscription, at: int, *, at_once: bool) -> int | None:
    """Return when the paid time ends, in unix seconds; None if not known.

    Paid time stays when the subscription stops, but does not grow after it ends. `at_once`: a request
    ended it without keeping the remaining time.
    """
    if old is None:
        return new.paid_through
    if new.status not in (Status.ENDED, Status.PAUSED):
        return _bought_before(old, new)
    if old.period_start is not None and new.period_start is not None and new.period_start < old.period_start:
        return new.paid_through  # the old paid time came from a different payment
    if old.status is Status.ENDED and old.paid_through is not None:
        return old.paid_through
    known = [t for t in (old.paid_through, new.paid_through) if t is not None]
    if at_once and new.status is Status.ENDED and known:
        return min(max(known), at)
    if old.paid_through is not None and old.paid_through > at:
        return old.paid_through  # the date that the member was told
    return max(known, default=None)


def _bought_before(old: Subscription, new: Subscription) -> int | None:
    """Return when the paid time of an active subscription ends, in unix seconds.

    A change of plan takes away none of the time that the last payment had bought before.
    """
    same = new.period_start is not None and new.period_start == old.period_start
    if same and new.counts_anew and old.paid_through is not None and new.paid_through is not None:
        return max(old.paid_through, new.paid_through)
    return new.paid_through


def visible_facts(sub: Subscription) -> str:
    """Return the facts that a person would notice, as one line of history. Renewals are left out."""
    prices = "+".join(f"{item.price.id}x{item.quantity}" for item in sub.items)
    facts = {
        "member": sub.binding.member_id if sub.binding else None,
        "ends_at": sub.ends_at,
        "paid_through": sub.paid_through,
        "dispute": None if sub.dispute is DisputeState.NONE else sub.dispute,
    }
    return " ".join((sub.status, prices, *(f"{k}={v}" for k, v in facts.items() if v is not None)))
