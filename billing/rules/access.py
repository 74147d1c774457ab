"""Decides which plans a member has, from recorded facts. Pure; the only place where access is decided.

`TABLE` is published in docs/access.md, generated from this code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from billing.model import (
    DisputeState,
    Entitlement,
    Override,
    OverrideKind,
    Plan,
    Price,
    Status,
    Subscription,
    SubscriptionKey,
)


class Access(Enum):
    """The access that a status gives.

    FULL ends only with a scheduled end, GRACE after the days of grace since the payment is owed,
    PAID_THROUGH with the time already paid. HOLD: the member keeps what they have and gets nothing new.
    """

    FULL = "full"
    GRACE = "grace"
    PAID_THROUGH = "paid_through"
    HOLD = "hold"
    NONE = "none"


TABLE: dict[Status, Access] = {
    Status.PENDING: Access.NONE,
    Status.TRIALING: Access.FULL,
    Status.ACTIVE: Access.FULL,
    Status.PAST_DUE: Access.GRACE,
    Status.UNPAID: Access.NONE,
    Status.PAUSED: Access.PAID_THROUGH,
    Status.ENDED: Access.PAID_THROUGH,
    Status.UNKNOWN: Access.HOLD,
}


_BEFORE, _ENDLESS = -1, 1 << 62


@dataclass(frozen=True, slots=True)
class SubscriptionAccess:
    """The access that one subscription gives.

    `until` None: open-ended; `why`: the code of a text in i18n/; `held`: as in Entitlement.
    """

    until: int | None
    why: str
    held: bool = False


def decide_right(subscription: Subscription, now: float, grace: int) -> SubscriptionAccess | None:
    """Return the access that a subscription gives at the moment `now`; None if it gives none.

    A subscription gives none if the quantity of every item is 0. `grace`: seconds.
    """
    if not any(item.quantity for item in subscription.items):
        return None
    right = _by_status(subscription, grace)
    if right is None or (right.until is not None and right.until <= now):
        return None
    if subscription.dispute in (DisputeState.OPEN, DisputeState.LOST):
        return None
    return right


def _by_status(sub: Subscription, grace: int) -> SubscriptionAccess | None:
    match TABLE[sub.status]:
        case Access.FULL:
            return SubscriptionAccess(sub.ends_at, "history.paid")
        case Access.GRACE if sub.unpaid_since is not None:
            grace_ends = sub.unpaid_since + grace
            return SubscriptionAccess(_earliest(grace_ends, sub.ends_at), "history.grace")
        case Access.PAID_THROUGH if sub.paid_through is not None:
            return SubscriptionAccess(sub.paid_through, "history.paid_until")
        case Access.HOLD | Access.GRACE:
            return SubscriptionAccess(None, "history.unknown", held=True)
        case _:
            return None


def _earliest(*moments: int | None) -> int | None:
    return min((m for m in moments if m is not None), default=None)


def decide_paid(subscription: Subscription) -> int | None:
    """Return when the subscription's paid time would end if it ended immediately; None if no time is left.

    In unix seconds. Free trial days were not paid, and a disputed payment may be returned.
    """
    sub = _without_nothing(subscription)
    if not sub.items or sub.dispute in (DisputeState.OPEN, DisputeState.LOST):
        return None
    until = sub.paid_through
    if until is None and sub.status in (Status.ACTIVE, Status.UNKNOWN):
        until = _earliest(sub.period_end, sub.ends_at)
    if until is None or sub.status in (Status.TRIALING, Status.PENDING) or until <= (sub.trial_end or 0):
        return None
    return until


def plan_of(price: Price, plans: Sequence[Plan]) -> Plan | None:
    """Return the plan that this price pays for; None if there is none.

    The exact price comes first; otherwise a plan that sells another price of the same product, because owners
    replace prices at the provider. Of several plans the oldest is taken, so that no payer is left without
    one.
    """
    oldest_first = sorted(plans, key=lambda p: (p.removed_at is not None, p.id))
    for plan in oldest_first:
        if any(p.key == price.key for p in (*plan.prices, *plan.former_prices)):
            return plan
    for plan in oldest_first:
        if any(_same_product(price, p) for p in (*plan.prices, *plan.former_prices)):
            return plan
    return None


def _same_product(a: Price, b: Price) -> bool:
    return (a.provider, a.account, a.product_id) == (b.provider, b.account, b.product_id)


def plans_of(subscription: Subscription, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans that a subscription pays for, each once, in the order of its items."""
    found = (plan_of(item.price, plans) for item in subscription.items)
    return list({plan.id: plan for plan in found if plan is not None}.values())


def decide(
    subscriptions: Iterable[Subscription],
    overrides: Sequence[Override],
    plans: Sequence[Plan],
    now: float,
    grace: int,
) -> list[Entitlement]:
    """Return the plans to which a member of one server is entitled at the moment `now`, each once.

    A block overrides every payment and every grant. If a plan has several sources, the one that lasts longest
    counts, and a certain one before one that is on hold. `grace`: seconds.
    """
    best: dict[int, Entitlement] = {}
    counting = [s for s in subscriptions if not any(o.bars(s.key, now) for o in overrides)]
    for right in (*_paid(counting, plans, now, grace), *_granted(overrides, plans, now)):
        if right.plan_id not in best or _rank(right) > _rank(best[right.plan_id]):
            best[right.plan_id] = right
    blocks = [o for o in overrides if o.kind is OverrideKind.BLOCK]
    return [e for e in best.values() if not any(b.covers(e.plan_id, now) for b in blocks)]


def _paid(
    subscriptions: Iterable[Subscription], plans: Sequence[Plan], now: float, grace: int
) -> Iterable[Entitlement]:
    for subscription in subscriptions:
        right = decide_right(subscription, now, grace)
        if right is not None:
            for plan in paid_plans(subscription, plans):
                yield Entitlement(plan.id, right.until, right.why, right.held)


def paid_plans(subscription: Subscription, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans that the subscription pays for, ignoring items with quantity 0."""
    return plans_of(_without_nothing(subscription), plans)


def _without_nothing(subscription: Subscription) -> Subscription:
    """Return the subscription without the items whose quantity is 0; these buy nothing."""
    if all(item.quantity for item in subscription.items):
        return subscription
    return replace(subscription, items=tuple(item for item in subscription.items if item.quantity))


def _granted(overrides: Sequence[Override], plans: Sequence[Plan], now: float) -> Iterable[Entitlement]:
    for override in overrides:
        if override.kind is OverrideKind.GRANT:
            for plan in plans:
                if override.covers(plan.id, now):
                    yield Entitlement(plan.id, override.until, override.reason)


def _rank(entitlement: Entitlement) -> tuple[bool, bool, int]:
    return (not entitlement.held, entitlement.until is None, entitlement.until or 0)


def ended_by_time(
    subscriptions: Iterable[Subscription],
    overrides: Sequence[Override],
    plans: Sequence[Plan],
    now: float,
    grace: int,
) -> set[int]:
    """Return the ids of plans to which access may have ended merely because time passed.

    That is, a right expired or an announced block began. Plans that a block revoked immediately are left out.
    """
    ended = set()
    for subscription in subscriptions:
        right = _by_status(subscription, grace)
        if right is not None and right.until is not None and right.until <= now:
            ended |= {plan.id for plan in plans_of(subscription, plans)}
    for plan in plans:
        mine = [o for o in overrides if o.plan_id in (None, plan.id)]
        grants = (o for o in mine if o.kind is OverrideKind.GRANT and o.until is not None and o.until <= now)
        blocks = [o for o in mine if o.kind is OverrideKind.BLOCK and o.covers(plan.id, now)]
        if any(grants) or any(block.starts_at > block.created_at for block in blocks):
            ended.add(plan.id)
        if any(block.starts_at <= block.created_at for block in blocks):
            ended.discard(plan.id)
    return ended


def next_change(
    subscriptions: Iterable[Subscription], overrides: Iterable[Override], now: float, grace: int
) -> int | None:
    """Return the next moment, in unix seconds, at which the result of `decide` may change by time alone.

    Returns None if there is no such moment.
    """
    moments: list[int | None] = []
    for subscription in subscriptions:
        right = _by_status(subscription, grace)
        moments.append(right.until if right else None)
    for override in overrides:
        moments += [override.starts_at, override.until]
    return min((m for m in moments if m is not None and m > now), default=None)


def decides(subscription: Subscription, plans: Sequence[Plan]) -> object:
    """Return all that follows for the member from one subscription, at any time and for any grace period.

    Two snapshots with equal results call for the same roles at the same times.

    The state is taken before any of its moments, and grace only moves an end: if two snapshots agree without
    grace and with endless grace, they agree for every grace period.
    """
    return [
        (decide([subscription], [], plans, _BEFORE, grace), next_change([subscription], [], _BEFORE, grace))
        for grace in (0, _ENDLESS)
    ]


def block_on(
    plan_ids: Iterable[int], overrides: Iterable[Override], key: SubscriptionKey | None = None
) -> Override | None:
    """Return an admin's block that affects one of these plans or this subscription; None if there is none.

    The block is in force or announced.
    """
    touched = {None, *plan_ids}
    blocks = (o for o in overrides if o.kind is OverrideKind.BLOCK)
    return next((b for b in blocks if b.plan_id in touched or key in b.subscriptions), None)
