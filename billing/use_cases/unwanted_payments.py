"""Builds notices about payments that need action: paid although blocked, or paid twice."""

from __future__ import annotations

from billing.model import (
    Binding,
    MemberState,
    Notice,
    Override,
    PaidTwice,
    PaidWhileBlocked,
    Plan,
    Status,
    Subscription,
)
from billing.rules.access import plans_of

CHARGED = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)


def paid_while_blocked(
    snapshot: Subscription, binding: Binding, block: Override | None, now: int
) -> tuple[Notice, ...]:
    """Return notices that a member paid, on a page opened earlier, for something that an admin has revoked.

    The admins decide what to do.
    """
    if block is None:
        return ()
    starts_at = block.starts_at if block.starts_at > now else None
    body = PaidWhileBlocked(binding.member_id, snapshot.key, block.decision_id, starts_at)
    key = f"paid_while_blocked:{snapshot.key}"
    admins = Notice(key, binding.guild_id, None, body, now)
    return (admins, Notice(f"{key}:member", binding.guild_id, binding.member_id, body, now))


def paid_twice(
    state: MemberState, known: Subscription | None, snapshot: Subscription, binding: Binding, now: int
) -> list[Notice]:
    """Return notices that two subscriptions renew for the same plan in the same server.

    Empty if nothing relevant has changed since the subscription was `known`, because only a change can have
    created the pair.
    """
    if not _is_charged(snapshot):
        return []
    if known and known.binding and _is_charged(known) and known.items == snapshot.items:
        return []
    others = [s for s in state.subscriptions if s.key != snapshot.key and _is_charged(s)]
    paid = plans_of(snapshot, state.plans)
    found = ((other, plan) for other in others for plan in plans_of(other, state.plans) if plan in paid)
    return [notice for other, plan in found for notice in _twice(snapshot, other, plan, binding, now)]


def _is_charged(subscription: Subscription) -> bool:
    return subscription.renews and subscription.status in CHARGED


def _twice(one: Subscription, other: Subscription, plan: Plan, binding: Binding, now: int) -> list[Notice]:
    older, newer = sorted((one, other), key=lambda s: (s.created_at, str(s.key)))
    body = PaidTwice(binding.member_id, plan.name, newer.key, older.key)
    key = f"paid_twice:{older.key}:{newer.key}"
    return [Notice(f"{key}:{whom}", binding.guild_id, whom, body, now) for whom in (binding.member_id, None)]
