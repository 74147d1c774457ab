"""Blocks payers who reversed a payment through their bank, until an admin allows them to buy again."""

from __future__ import annotations

from billing.model import (
    RULE,
    DisputeState,
    MemberState,
    Override,
    OverrideKind,
    Status,
    Subscription,
)
from billing.ports import Ports, Provider
from billing.rules.access import plans_of

TOOK_BACK = "history.payment_taken_back"
_BARRED = (DisputeState.OPEN, DisputeState.LOST)


async def bar_payer(
    ports: Ports, provider: Provider, snapshot: Subscription, dispute_id: str
) -> tuple[Override, ...]:
    """Return blocks of the server's plans for a payer who won a payment back; empty if none are needed.

    Plans that they pay for otherwise, or that were granted to them, are left out. Members for whom somebody
    else pays are not blocked, and neither are payers whose inquiry was settled with a refund.
    """
    binding = snapshot.binding
    if snapshot.dispute is not DisputeState.LOST or binding is None or not snapshot.is_payers:
        return ()
    if not await provider.was_charged_back(dispute_id):
        return ()
    state, now = await ports.ledger.load_member_state(binding.guild_id, binding.member_id), ports.now()
    kept = _kept(state, snapshot, now)
    plan_ids = [p.id for p in state.plans if p.id not in kept] if kept else [None]
    return tuple(
        Override(
            id=0,
            decision_id=f"lost-{dispute_id}",
            guild_id=binding.guild_id,
            member_id=binding.member_id,
            plan_id=plan_id,
            kind=OverrideKind.BLOCK,
            starts_at=now,
            until=None,
            reason=TOOK_BACK,
            by=RULE,
            created_at=now,
            subscriptions=(snapshot.key,),
        )
        for plan_id in plan_ids
    )


def _kept(state: MemberState, snapshot: Subscription, now: int) -> set[int]:
    """Return the ids of the plans that the member has by another subscription or by an admin's grant."""
    others = [s for s in state.subscriptions if s.key != snapshot.key and s.dispute not in _BARRED]
    running = (s for s in others if s.status is not Status.ENDED or (s.paid_through or 0) > now)
    paid = {plan.id for s in running for plan in plans_of(s, state.plans)}
    grants = [o for o in state.overrides if o.kind is OverrideKind.GRANT]
    return paid | {p.id for p in state.plans if any(grant.covers(p.id, now) for grant in grants)}
