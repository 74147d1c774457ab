"""The calendar of notices that law or card networks ask for before a charge. Pure.

Sources, read in November 2026; no legal advice: Visa's rules for trials (support.stripe.com, "Visa trial
requirements"), Mastercard's for subscriptions (developer.paypal.com/braintree, "Mastercard requirements"),
California's Automatic Renewal Law after AB 2863.
"""

from __future__ import annotations

from dataclasses import dataclass

from billing.model import Status, Subscription
from billing.model.subscriptions import Item

DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A row of the calendar, in days before the charge.

    `days`: when the notice is sent; `earliest`, `latest`: the window for sending it; `ground`: the law or
    rule that requires it.
    """

    days: int
    earliest: int
    latest: int
    ground: tuple[str, ...]


# Visa: at least 7 days; Mastercard: 3 to 7; California: 3 to 21. Seven is the only number that meets all.
TRIAL_ENDS = CalendarRow(7, 7, 7, ("visa", "mastercard", "california"))
# Mastercard: 7 to 30 days before each charge of a period over 180 days; California: 15 to 45.
LONG_RENEWAL = CalendarRow(28, 30, 15, ("mastercard", "california"))
LONG = 180  # days

_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True, slots=True)
class Due:
    """A notice of the calendar.

    `charge_at`: the charge that it announces; `at`: when to send it, also in the past if that was missed;
    both in unix seconds UTC.
    """

    row: CalendarRow
    charge_at: int
    at: int


def due_notice(subscription: Subscription, now: int) -> Due | None:
    """Return the notice before the next charge of a subscription; None if there is none, or it is too late.

    A trial of seven days or less is announced at its start, which another notice does.
    """
    if not subscription.renews:
        return None
    trial_end, period_end = subscription.trial_end, subscription.period_end
    if subscription.status is Status.TRIALING and trial_end is not None:
        row, charge_at = TRIAL_ENDS, trial_end
        asked = trial_end - _begun(subscription) > TRIAL_ENDS.days * DAY
    elif subscription.status is Status.ACTIVE and period_end is not None:
        row, charge_at = LONG_RENEWAL, period_end
        asked = any(map(_is_long, subscription.items))
    else:
        return None
    return Due(row, charge_at, charge_at - row.days * DAY) if asked and now < charge_at else None


def is_due(subscription: Subscription | None, row: CalendarRow, charge_at: int, now: int) -> bool:
    """Return True if a notice that was planned for this charge still applies."""
    due = due_notice(subscription, now) if subscription is not None else None
    return due is not None and (due.row, due.charge_at) == (row, charge_at)


def _begun(subscription: Subscription) -> int:
    """Return when the trial began, in unix seconds.

    A trial that an owner extended counts from its first day.
    """
    start = subscription.period_start
    return subscription.created_at if start is None else min(start, subscription.created_at)


def _is_long(item: Item) -> bool:
    return _DAYS[item.price.interval] * item.price.interval_count > LONG
