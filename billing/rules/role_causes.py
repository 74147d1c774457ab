"""Determines why a member just got or lost a role, from the ledger's state at that moment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from billing.model import (
    RULE,
    Cause,
    DisputeState,
    MemberState,
    OverrideKind,
    Plan,
    Status,
    Subscription,
    SubscriptionKey,
)
from billing.rules.access import block_on, decide, plans_of

_STOPPED = {
    Status.PAST_DUE: Cause.PAST_GRACE,
    Status.UNPAID: Cause.UNPAID,
    Status.PAUSED: Cause.PAUSED,
    Status.ENDED: Cause.ENDED,
}


@dataclass(frozen=True, slots=True)
class Why:
    """A cause with its object: the plan's name, and the subscription or the admins' decision."""

    cause: Cause
    plan: str = ""
    subscription: SubscriptionKey | None = None
    decision: str = ""


def why_given(
    role_id: int, state: MemberState, now: int, grace: int, news: Collection[SubscriptionKey]
) -> Why:
    """Return why the member gets the role.

    Of several subscriptions one in `news` comes first, because the member is notified of it anyway.
    """
    paid = [s for s in state.subscriptions if _gives(s, role_id, state.plans, now, grace)]
    for subscription in sorted(paid, key=lambda s: s.key not in news):
        return Why(Cause.PAID, _name(subscription, role_id, state.plans), subscription.key)
    for override in state.overrides:
        for plan in _with_role(role_id, state.plans):
            if override.kind is OverrideKind.GRANT and override.covers(plan.id, now):
                return Why(Cause.GRANTED, plan.name, decision=override.decision_id)
    return Why(Cause.OTHER)


def why_taken(
    role_id: int, state: MemberState, now: int, grace: int, news: Collection[SubscriptionKey]
) -> Why:
    """Return why the member loses the role: an admin's block first, otherwise the source that ended last."""
    plans = _with_role(role_id, state.plans)
    decided = [o for o in state.overrides if o.starts_at <= now and o.by != RULE]
    block = block_on([plan.id for plan in plans], decided)
    if block is not None:
        return Why(Cause.REVOKED, _names(plans), decision=block.decision_id)
    ended = [
        (s.key in news, _stopped_at(s, now, grace), _stopped(s, _name(s, role_id, state.plans)))
        for s in state.subscriptions
        if _with_role(role_id, plans_of(s, state.plans))
    ]
    ended += [
        (False, o.until, Why(Cause.GRANT_ENDED, plan.name, decision=o.decision_id))
        for o in state.overrides
        for plan in plans
        if o.kind is OverrideKind.GRANT and o.plan_id in (None, plan.id) and o.until and o.until <= now
    ]
    if ended:
        return max(ended, key=lambda one: one[:2])[2]
    return Why(Cause.OTHER if plans else Cause.PLAN_EDITED, _names(plans))


def _gives(sub: Subscription, role_id: int, plans: Sequence[Plan], now: int, grace: int) -> bool:
    ids = {e.plan_id for e in decide([sub], [], plans, now, grace) if not e.held}
    return any(plan.id in ids for plan in _with_role(role_id, plans))


def _with_role(role_id: int, plans: Iterable[Plan]) -> list[Plan]:
    return [plan for plan in plans if role_id in plan.role_ids]


def _name(sub: Subscription, role_id: int, plans: Sequence[Plan]) -> str:
    return _names(_with_role(role_id, plans_of(sub, plans)))


def _names(plans: Iterable[Plan]) -> str:
    return ", ".join(plan.name for plan in plans)


def _stopped_at(sub: Subscription, now: int, grace: int) -> int:
    """Return when the subscription stopped giving access, in unix seconds; `now` if not recorded."""
    owed = None if sub.unpaid_since is None else sub.unpaid_since + grace
    moments = (sub.paid_through if sub.status is Status.ENDED else None, sub.ended_at, owed, sub.ends_at)
    return min(next((m for m in moments if m is not None), now), now)


def _stopped(sub: Subscription, plan: str) -> Why:
    cause = _STOPPED.get(sub.status, Cause.ENDED if sub.ends_at is not None else Cause.SWITCHED)
    if sub.dispute is DisputeState.OPEN:
        cause = Cause.DISPUTE_OPEN
    elif sub.dispute is DisputeState.LOST:
        cause = Cause.DISPUTE_LOST
    return Why(cause, plan, sub.key)
