"""Whether an admin has shut the payer out."""

from __future__ import annotations

from collections.abc import Sequence

from billing.access import block_on, plans_of
from billing.model import Override, Plan, Subscription
from billing.ports import Ports


async def load_block(
    ports: Ports, subscription: Subscription, plans: Sequence[Plan] | None = None
) -> Override | None:
    """An admin's block, in force or announced, on what this subscription pays for. `plans`: the server's,
    removed ones too, where the caller has them already."""
    binding = subscription.binding
    if binding is None:
        return None
    if plans is None:
        plans = await ports.ledger.load_plans(binding.guild_id, removed=True)
    overrides = await ports.ledger.load_overrides(binding.guild_id, binding.member_id, ports.now())
    return block_on((plan.id for plan in plans_of(subscription, plans)), overrides)
