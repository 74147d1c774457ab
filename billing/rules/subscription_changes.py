"""Decides which events of the outbox describe a change of a subscription. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from billing.model import (
    BoundBy,
    DisputeState,
    Item,
    Money,
    NextCharge,
    Plan,
    Status,
    Subscription,
    SubscriptionKey,
    Terms,
)
from billing.model.outbox import (
    EndReason,
    PaymentDisputed,
    RecurringCharge,
    SubscriptionChanged,
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
    SubscriptionSwitched,
    SubscriptionTrialStarted,
    SubscriptionUnlinked,
)
from billing.rules.access import paid_plans
from billing.rules.upcoming_charges import decide_charges

_OWED = (Status.PAST_DUE, Status.UNPAID)

SubscriptionBody = (
    SubscriptionStarted
    | SubscriptionTrialStarted
    | SubscriptionLinked
    | SubscriptionUnlinked
    | SubscriptionRenewed
    | SubscriptionPaymentFailed
    | SubscriptionRecovered
    | SubscriptionRenewalStopped
    | SubscriptionRenewalResumed
    | SubscriptionSwitched
    | SubscriptionEnded
    | SubscriptionChanged
    | PaymentDisputed
)


def facts_of(sub: Subscription, plans: Sequence[Plan]) -> SubscriptionFacts:
    """Return the facts of a subscription that events contain."""
    return SubscriptionFacts(
        key=sub.key,
        status=sub.status,
        plans=tuple(plan.id for plan in paid_plans(sub, plans)),
        prices=tuple(item.price.id for item in sub.items if item.quantity),
        charges=recurring_charges(sub),
        created_at=sub.created_at,
        period_end=sub.period_end,
        trial_end=sub.trial_end,
        ends_at=sub.ends_at,
        ended_at=sub.ended_at,
        paid_through=sub.paid_through,
        unpaid_since=sub.unpaid_since,
        dispute=sub.dispute,
        needs_action=sub.needs_action,
    )


def recurring_charges(sub: Subscription) -> tuple[RecurringCharge, ...]:
    """Return the cost of each period while the subscription runs, even if its end is scheduled.

    Ignores a charge that differs only once, for example because of a discount on one invoice.
    """
    dated = any(discount.ends_at is not None for discount in sub.terms.discounts)
    return _charges(sub.key.at, sub.items, sub.terms, sub.status, sub.period_end if dated else None)


# Called in a transaction. Most subscriptions differ from others only by moments that decide no amount.
@lru_cache(maxsize=1024)
def _charges(
    account: tuple[str, str], items: tuple[Item, ...], terms: Terms, status: Status, period_end: int | None
) -> tuple[RecurringCharge, ...]:
    key = SubscriptionKey(*account, "")
    sub = Subscription(key, "", status, "", items, 0, period_end=period_end, terms=terms)
    return tuple(_recurring(charge) for charge in decide_charges(sub))


def _recurring(charge: NextCharge) -> RecurringCharge:
    if not charge.steps:
        return RecurringCharge(None, charge.interval, charge.interval_count)
    step = next((s for s in charge.steps if s.times is None or s.times > 1), charge.steps[-1])
    amount = Money(step.amount, charge.currency)
    if step.interval:
        return RecurringCharge(amount, step.interval, step.interval_count)
    return RecurringCharge(amount, charge.interval, charge.interval_count)


def is_begun(sub: Subscription | None) -> bool:
    """Return True if the subscription belongs to a member and is past its first payment."""
    return sub is not None and sub.binding is not None and sub.status is not Status.PENDING


def decide_events(
    old: Subscription | None,
    new: Subscription,
    plans: Sequence[Plan],
    *,
    by: int | None = None,
    revoked: bool = False,
) -> list[SubscriptionBody]:
    """Return the events that lead from the recorded subscription to the new one.

    Returns none if nothing that events show has changed. `plans`: all plans of the member's server;
    `revoked`: an admin's block affects the subscription.
    """
    known = old if is_begun(old) else None
    came_to_nothing = new.status is Status.ENDED and new.paid_through is None
    if known is None and (came_to_nothing or not is_begun(new)):
        return []
    facts = facts_of(new, plans)
    if known is None:
        first = _first(old, new, facts, by)
        follow = _since_begun(None, new, facts, by, revoked=revoked)
        if isinstance(first, SubscriptionLinked):  # what was so before is no news of today
            return [first, *(e for e in follow if isinstance(e, SubscriptionEnded))]
        return [first, *follow]
    before = facts_of(known, plans)
    if before == facts:
        return []
    found: list[SubscriptionBody] = []
    if facts.prices != before.prices and facts.plans and before.plans and new.status is not Status.ENDED:
        found.append(SubscriptionSwitched(subscription=facts, plans_before=before.plans, by=by))
    found += _paid(known, new, facts, by, switched=bool(found))
    found += _since_begun(known, new, facts, by, revoked=revoked)
    first, *rest = found or [SubscriptionChanged(subscription=facts, by=by)]
    return [replace(first, before=before), *rest]


def decide_unlinked(sub: Subscription, plans: Sequence[Plan], by: int | None) -> list[SubscriptionBody]:
    """Return the event for a subscription that no longer belongs to its member.

    Returns none for a subscription that never got past its first payment.
    """
    return [SubscriptionUnlinked(subscription=facts_of(sub, plans), by=by)] if is_begun(sub) else []


def _first(
    old: Subscription | None, new: Subscription, facts: SubscriptionFacts, by: int | None
) -> SubscriptionBody:
    belonged_to_nobody = old is not None and old.status is not Status.PENDING
    if belonged_to_nobody or new.bound_by is not BoundBy.PAGE:
        return SubscriptionLinked(subscription=facts, by=by)
    if new.status is Status.TRIALING:
        return SubscriptionTrialStarted(subscription=facts)
    return SubscriptionStarted(subscription=facts)


def _paid(
    old: Subscription, new: Subscription, facts: SubscriptionFacts, by: int | None, *, switched: bool
) -> Iterator[SubscriptionBody]:
    if new.status is not Status.ACTIVE:
        return
    if old.status in _OWED:
        yield SubscriptionRecovered(subscription=facts, by=by)
    elif old.status is Status.TRIALING or (_moved_on(old, new) and not switched):
        yield SubscriptionRenewed(subscription=facts)


def _moved_on(old: Subscription, new: Subscription) -> bool:
    """Return True if a later period is running than before."""
    if old.period_start is None or new.period_start is None:
        return False
    return new.period_start > old.period_start


def _since_begun(
    old: Subscription | None, new: Subscription, facts: SubscriptionFacts, by: int | None, *, revoked: bool
) -> Iterator[SubscriptionBody]:
    """Yield the events that can also follow immediately when a subscription is first seen (`old` None)."""
    if new.status in _OWED and (old is None or old.status not in _OWED):
        yield SubscriptionPaymentFailed(subscription=facts)
    if _stops(old, new):
        yield SubscriptionRenewalStopped(subscription=facts, by=by)
    if old is not None and old.ends_at is not None and new.ends_at is None and new.renews:
        yield SubscriptionRenewalResumed(subscription=facts, by=by)
    if new.dispute is not (old.dispute if old else DisputeState.NONE):
        yield PaymentDisputed(subscription=facts)
    if new.status is Status.ENDED and (old is None or old.status is not Status.ENDED):
        yield SubscriptionEnded(subscription=facts, by=by, reason=_reason(old, new, by, revoked=revoked))


def _stops(old: Subscription | None, new: Subscription) -> bool:
    if new.ends_at is None or new.status is Status.ENDED:
        return False
    if old is None or old.ends_at is None:
        return True
    return new.period_start is not None and old.ends_at <= new.period_start < new.ends_at


def _reason(old: Subscription | None, new: Subscription, by: int | None, *, revoked: bool) -> EndReason:
    if new.dispute is DisputeState.LOST:
        return EndReason.DISPUTED
    if revoked:
        return EndReason.REVOKED
    if new.binding is not None and by == new.binding.member_id:
        return EndReason.WANTED
    if old is not None and old.status in _OWED:
        return EndReason.UNPAID
    return EndReason.COMPLETED if new.terms.complete else EndReason.WANTED


def present_state(events: Iterable[SubscriptionEvent]) -> dict[str, SubscriptionFacts]:
    """Return a server's subscriptions after these events, by their keys. `events`: oldest first."""
    found: dict[str, SubscriptionFacts] = {}
    for event in events:
        found.pop(str(event.subscription.key), None)
        if not isinstance(event, SubscriptionUnlinked):
            found[str(event.subscription.key)] = event.subscription
    return found
