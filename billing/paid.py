"""Until when a subscription is paid: what was known of it, and what its provider shows now. Pure."""

from __future__ import annotations

from billing.model import Status, Subscription


def paid_through(old: Subscription | None, new: Subscription, at: int, *, at_once: bool) -> int | None:
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
