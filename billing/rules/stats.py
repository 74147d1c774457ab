"""Calculates a server's numbers from its present subscriptions and the events of a period. Pure.

The state before the period is the present one without the movements, so movements always sum up to the
difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median_low

from billing.model import Money, Status
from billing.model.outbox import (
    EndReason,
    OutboxEvent,
    PaymentRefunded,
    SubscriptionEnded,
    SubscriptionEvent,
    SubscriptionFacts,
    SubscriptionLinked,
    SubscriptionPaymentFailed,
    SubscriptionRecovered,
    SubscriptionRenewalResumed,
    SubscriptionRenewalStopped,
    SubscriptionRenewed,
    SubscriptionStarted,
    SubscriptionTrialStarted,
    SubscriptionUnlinked,
)
from billing.rules.payment_state import PaymentState, payment_state

DAY = 86_400
# Months in an interval. A year has 365.25 days, as in billing in the long run.
_MONTHS = {
    "day": Fraction(48, 1461),
    "week": Fraction(336, 1461),
    "month": Fraction(1),
    "year": Fraction(12),
}
_COUNTED = (Status.ACTIVE, Status.PAST_DUE)

Amounts = dict[str, Fraction]  # minor units by currency


@dataclass(slots=True)
class Revenue:
    """Monthly recurring revenue, after discounts and with taxes, in minor units by currency.

    `now`: from subscriptions that are active or overdue; `gained`, `lost`, `changed`: the movements of the
    period, from subscriptions that began to count, stopped counting, or changed their amount. `unknown`: the
    number of counted subscriptions whose amount only the provider knows.
    """

    now: Amounts = field(default_factory=dict)
    gained: Amounts = field(default_factory=dict)
    lost: Amounts = field(default_factory=dict)
    changed: Amounts = field(default_factory=dict)
    unknown: int = 0

    @property
    def before(self) -> Amounts:
        """The revenue at the start of the period."""
        found = dict(self.now)
        for moved in (self.gained, self.lost, self.changed):
            for currency, amount in moved.items():
                _add(found, currency, -amount)
        return found


@dataclass(slots=True)
class Movements:
    """The numbers of events in a period.

    `started` had no free days; `linked` existed before and `unlinked` still exist; `stopped` and `resumed`
    are renewals.
    """

    started: int = 0
    trials: int = 0
    linked: int = 0
    unlinked: int = 0
    ended: Counter[EndReason] = field(default_factory=Counter)
    stopped: int = 0
    resumed: int = 0
    renewed: int = 0
    failed: int = 0
    recovered: int = 0
    refunds: int = 0

    @property
    def difference(self) -> int:
        """The number of running subscriptions at the end of the period minus the number at its start."""
        return self.started + self.trials + self.linked - self.unlinked - self.ended.total()


@dataclass(frozen=True, slots=True)
class Stats:
    """A server's numbers since a moment.

    `overdue`: a payment failed and the grace period runs; `unpaid`: the grace period is over; `other`:
    paused, or the provider's status is unknown. `tenure`: the median age of running subscriptions, in days;
    None if there are none. `refunded`: minor units by currency.
    """

    since: int
    active: int
    trial: int
    overdue: int
    unpaid: int
    other: int
    movements: Movements
    revenue: Revenue
    refunded: Mapping[str, int]
    tenure: int | None

    @property
    def running(self) -> int:
        """The number of subscriptions that have not ended."""
        return self.active + self.trial + self.overdue + self.unpaid + self.other

    @property
    def before(self) -> int:
        """The number of subscriptions that ran at the start of the period."""
        return self.running - self.movements.difference


def calculate_stats(
    present: Iterable[SubscriptionFacts], events: Iterable[OutboxEvent], since: int, now: int, grace: int
) -> Stats:
    """Return the numbers at `now`, with the movements since `since`, both in unix seconds.

    `present`: the server's subscriptions that belong to a member, are past their first payment, and have not
    ended; `events`: the server's events in that period.
    """
    states, revenue, ages = Counter[PaymentState](), Revenue(), []
    for facts in present:
        states[payment_state(facts.status, facts.unpaid_since, now, grace)] += 1
        ages.append(max(now - facts.created_at, 0) // DAY)
        revenue.unknown += facts.status in _COUNTED and any(c.amount is None for c in facts.charges)
        for currency, amount in monthly(facts).items():
            _add(revenue.now, currency, amount)
    movements, refunds = Movements(), dict[tuple[str, str], Money]()
    for event in events:
        body = event.body
        if isinstance(body, SubscriptionEvent):
            _count(movements, body)
            _move(revenue, body)
        elif isinstance(body, PaymentRefunded):
            movements.refunds += 1
            if body.amount is not None:  # the total of that payment, so the last one counts
                refunds[str(body.subscription), body.payment or event.id] = body.amount
    refunded = Counter[str]()
    for money in refunds.values():
        refunded[money.currency] += money.amount
    return Stats(
        since=since,
        active=states[PaymentState.ACTIVE],
        trial=states[PaymentState.TRIAL],
        overdue=states[PaymentState.OVERDUE],
        unpaid=states[PaymentState.UNPAID],
        other=states[PaymentState.OTHER],
        movements=movements,
        revenue=revenue,
        refunded=refunded,
        tenure=median_low(ages) if ages else None,
    )


def monthly(facts: SubscriptionFacts | None) -> Amounts:
    """Return a subscription's monthly recurring revenue, by currency; empty if it does not count."""
    found: Amounts = {}
    if facts is not None and facts.status in _COUNTED:
        for charge in facts.charges:
            if charge.amount is not None:
                months = _MONTHS[charge.interval] * charge.interval_count
                _add(found, charge.amount.currency, charge.amount.amount / months)
    return found


_FIELDS: Mapping[type[SubscriptionEvent], str] = {
    SubscriptionStarted: "started",
    SubscriptionTrialStarted: "trials",
    SubscriptionLinked: "linked",
    SubscriptionUnlinked: "unlinked",
    SubscriptionRenewed: "renewed",
    SubscriptionPaymentFailed: "failed",
    SubscriptionRecovered: "recovered",
    SubscriptionRenewalStopped: "stopped",
    SubscriptionRenewalResumed: "resumed",
}


def _count(movements: Movements, body: SubscriptionEvent) -> None:
    if isinstance(body, SubscriptionEnded):
        movements.ended[body.reason] += 1
    elif isinstance(body, SubscriptionUnlinked) and body.subscription.status is Status.ENDED:
        return  # it had stopped running before
    elif type(body) in _FIELDS:
        name = _FIELDS[type(body)]
        setattr(movements, name, getattr(movements, name) + 1)


def _move(revenue: Revenue, body: SubscriptionEvent) -> None:
    match body:
        case SubscriptionStarted() | SubscriptionTrialStarted() | SubscriptionLinked():
            before, after = monthly(None), monthly(body.subscription)
        case SubscriptionUnlinked():
            before, after = monthly(body.subscription), monthly(None)
        case _ if body.before is not None:
            before, after = monthly(body.before), monthly(body.subscription)
        case _:
            return
    for currency in before.keys() | after.keys():
        old, new = before.get(currency, Fraction(0)), after.get(currency, Fraction(0))
        into = revenue.gained if not old else revenue.lost if not new else revenue.changed
        _add(into, currency, new - old)


def _add(amounts: Amounts, currency: str, amount: Fraction) -> None:
    total = amounts.get(currency, Fraction(0)) + amount
    if total:
        amounts[currency] = total
    else:
        amounts.pop(currency, None)
