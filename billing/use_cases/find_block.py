"""Finds the admin's block that applies to a subscription."""

from __future__ import annotations

from billing.model import MemberState, Override, Subscription
from billing.ports import Ports
from billing.rules.access import block_on, plans_of


async def load_block(ports: Ports, subscription: Subscription) -> Override | None:
    """Return an admin's block, in force or announced, on the subscription's plans; None if there is none."""
    binding = subscription.binding
    if binding is None:
        return None
    state = await ports.ledger.load_member_state(binding.guild_id, binding.member_id)
    return block_in(state, subscription, ports.now())


def block_in(state: MemberState, subscription: Subscription, now: int) -> Override | None:
    """Return an admin's block on the plans of this subscription, found in its member's loaded state.

    Returns None if there is none.
    """
    standing = (o for o in state.overrides if o.until is None or o.until > now)
    plan_ids = [plan.id for plan in plans_of(subscription, state.plans)]
    return block_on(plan_ids, standing, subscription.key)
