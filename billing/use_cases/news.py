"""What a look at the provider shows that people should act on: paid in vain, paid twice, given back."""

from __future__ import annotations

from billing.model import Binding, Notice, Override, Subscription

Facts = dict[str, str | int | None]


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
    """Somebody paid, on a page opened before, for what an admin has revoked; the admins decide."""
    if block is None:
        return ()
    facts = facts_of(snapshot, binding) | {
        "decision": block.decision_id,
        "starts_at": block.starts_at if block.starts_at > now else None,
    }
    key = f"paid_while_blocked:{snapshot.key}"
    return (Notice(key, binding.guild_id, None, "paid_while_blocked", facts, now),)
