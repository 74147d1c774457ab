"""What a look at the provider shows that people should act on: paid in vain, paid twice, given back."""

from __future__ import annotations

from billing.access import plans_of
from billing.model import Binding, MemberState, Notice, Override, Plan, Status, Subscription

Facts = dict[str, str | int | None]
CHARGED = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)


def facts_of(subscription: Subscription, binding: Binding) -> Facts:
    """Which subscription a notice is about, and whose."""
    key = subscription.key
    return {
        "member": binding.member_id,
        "provider": key.provider,
        "account": key.account,
        "subscription": key.id,
    }


def paid_while_blocked(
    snapshot: Subscription, binding: Binding, block: Override | None, now: int
) -> tuple[Notice, ...]:
    """Somebody paid, on a page opened before, for what an admin has revoked; they are told, and the admins
    decide."""
    if block is None:
        return ()
    facts = facts_of(snapshot, binding) | {
        "decision": block.decision_id,
        "starts_at": block.starts_at if block.starts_at > now else None,
    }
    key, kind = f"paid_while_blocked:{snapshot.key}", "paid_while_blocked"
    admins = Notice(key, binding.guild_id, None, kind, facts, now)
    return (admins, Notice(f"{key}:member", binding.guild_id, binding.member_id, kind, facts, now))


def paid_twice(
    state: MemberState, known: Subscription | None, snapshot: Subscription, binding: Binding, now: int
) -> list[Notice]:
    """Two that renew for the same plan in the same server: the member is told, and the admins.

    Only what has changed since it was `known` can have made a pair."""
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
    facts = facts_of(newer, binding) | {
        "plan": plan.name,
        "other": older.key.id,
        "other_provider": older.key.provider,
    }
    key = f"paid_twice:{older.key}:{newer.key}"
    return [
        Notice(f"{key}:{whom}", binding.guild_id, whom, "paid_twice", facts, now)
        for whom in (binding.member_id, None)
    ]
