"""What the ledger keeps of a subscription: what it knew, and what the provider shows now. Pure."""

from __future__ import annotations

from dataclasses import replace

from billing.model import BoundBy, DisputeState, Status, Subscription


def merge(old: Subscription | None, new: Subscription, at: int, *, at_once: bool = False) -> Subscription:
    """What the ledger keeps beside what was fetched.

    A binding that stands is not replaced, and a dispute only by an explicit word on it. What is owed
    is so since it was first seen, for the member was told then how long the roles stay.
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
    """A binding that stands is known as before, or better once the provider shows the same."""
    if old is None or old.binding is None or (old.bound_by is BoundBy.ADMIN and old.binding == new.binding):
        return new.bound_by
    return old.bound_by


def _paid_through(old: Subscription | None, new: Subscription, at: int, *, at_once: bool) -> int | None:
    """What was paid stays paid when the subscription stops, and does not grow once it is over. `at_once`: it
    was ended by an order that keeps no time."""
    if old is None:
        return new.paid_through
    if new.status not in (Status.ENDED, Status.PAUSED):
        return _bought_before(old, new)
    if old.period_start is not None and new.period_start is not None and new.period_start < old.period_start:
        return new.paid_through  # the payment that the old account went by was another one
    if old.status is Status.ENDED and old.paid_through is not None:
        return old.paid_through
    known = [t for t in (old.paid_through, new.paid_through) if t is not None]
    if at_once and new.status is Status.ENDED and known:
        return min(max(known), at)
    if old.paid_through is not None and old.paid_through > at:
        return old.paid_through  # what its member was told
    return max(known, default=None)


def _bought_before(old: Subscription, new: Subscription) -> int | None:
    """A change of plan takes nothing from what the last payment bought before it."""
    same = new.period_start is not None and new.period_start == old.period_start
    if same and new.counts_anew and old.paid_through is not None and new.paid_through is not None:
        return max(old.paid_through, new.paid_through)
    return new.paid_through


def visible_facts(sub: Subscription) -> str:
    """What a person would notice, in one line of history. That a period was renewed is none of it."""
    prices = "+".join(f"{item.price.id}x{item.quantity}" for item in sub.items)
    facts = {
        "member": sub.binding.member_id if sub.binding else None,
        "ends_at": sub.ends_at,
        "paid_through": sub.paid_through,
        "dispute": None if sub.dispute is DisputeState.NONE else sub.dispute,
    }
    return " ".join((sub.status, prices, *(f"{k}={v}" for k, v in facts.items() if v is not None)))
