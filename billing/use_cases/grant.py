"""Lets an admin give a plan to a member without payment, and end the grant."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from billing.errors import Conflict, NotFound
from billing.model import (
    Granted,
    GrantEnded,
    Notice,
    Override,
    OverrideKind,
    Plan,
    Status,
    Subscription,
)
from billing.model.translatable_text import Text
from billing.ports import Ports
from billing.rules.access import block_on, decide, plans_of

DAY = 86_400
DAYS_LIMIT = 3_650


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """An admin's request to grant a plan. `days` None: permanently."""

    guild_id: int
    member_id: int
    plan: Plan
    days: int | None
    reason: str
    by: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A recorded grant.

    `earlier`: another grant of the plan that lasts longer; `pays`: the member's own subscription to the
    plan, which continues.
    """

    override: Override
    plan: Plan
    earlier: Override | None
    pays: Subscription | None


@dataclass(frozen=True, slots=True)
class Held:
    """A plan that a member has by a grant until `until`, in unix seconds (None: permanently).

    `paid`: the member had paid for these days before admins ended the subscription.
    """

    plan: Plan
    until: int | None
    paid: bool


async def load_grant_block(ports: Ports, guild_id: int, member_id: int, plan: Plan) -> Override | None:
    """Return the revocation that would make a grant of this plan useless; None if there is none."""
    standing = await ports.ledger.load_overrides(guild_id, member_id, ports.now())
    return block_on([plan.id], standing)


async def grant(ports: Ports, order: GrantRequest) -> Grant:
    """Record the grant, which the roles will follow.

    Raises Conflict if the plan was removed, the member's access to it is revoked, or they already have a
    permanent grant of it.
    """
    plan, now = order.plan, ports.now()
    if plan.removed_at is not None:
        raise Conflict(Text("error.plan_removed", plan=plan.name))
    if await load_grant_block(ports, order.guild_id, order.member_id, plan) is not None:
        raise Conflict(Text("error.plan_revoked"))
    state = await ports.ledger.load_member_state(order.guild_id, order.member_id)
    standing = [o for o in state.overrides if o.kind is OverrideKind.GRANT and o.covers(plan.id, now)]
    if any(o.until is None for o in standing):
        raise Conflict(Text("error.granted_for_good", plan=plan.name))
    until = None if order.days is None else now + order.days * DAY
    made = Override(
        id=0,
        decision_id=secrets.token_hex(8),
        guild_id=order.guild_id,
        member_id=order.member_id,
        plan_id=plan.id,
        kind=OverrideKind.GRANT,
        starts_at=now,
        until=until,
        reason=order.reason,
        by=order.by,
        created_at=now,
    )
    running = (s for s in state.subscriptions if s.status is not Status.ENDED)
    pays = next((s for s in running if plan in plans_of(s, state.plans)), None)
    body = Granted(plan.name, until, order.reason, pays.key if pays else None)
    notice = Notice(f"granted:{made.decision_id}", order.guild_id, order.member_id, body, now)
    await ports.ledger.record_overrides([made], [], [notice], now)
    earlier = next((o for o in standing if until is not None and (o.until or 0) > until), None)
    return Grant(made, plan, earlier, pays)


async def take_grant_back(ports: Ports, guild_id: int, decision_id: str, by: int) -> Override:
    """End a grant; other sources of the plan are not affected.

    Raises Conflict if it has already ended, and NotFound if it is not a grant of this server.
    """
    rows = await ports.ledger.load_decision(decision_id)
    if any(row.guild_id != guild_id or row.kind is not OverrideKind.GRANT for row in rows):
        raise NotFound(Text("error.no_such_grant"))
    now = ports.now()
    if not rows or (rows[0].until is not None and rows[0].until <= now):
        raise Conflict(Text("error.grant_ended"))
    state = await ports.ledger.load_member_state(guild_id, rows[0].member_id)
    rest = [o for o in state.overrides if o.decision_id != decision_id]
    has = decide(state.subscriptions, rest, state.plans, now, ports.grace)
    name = next((p.name for p in state.plans if p.id == rows[0].plan_id), "")
    body = GrantEnded(name, any(e.plan_id == rows[0].plan_id for e in has))
    notice = Notice(f"grant_ended:{decision_id}", guild_id, rows[0].member_id, body, now)
    if not await ports.ledger.record_lifted(decision_id, by, "history.grant_ended", now, notices=[notice]):
        raise Conflict(Text("error.grant_ended"))
    return rows[0]


async def load_held(ports: Ports, member_id: int) -> list[Held]:
    """Return the plans that a person has by grants in all servers, each plan once."""
    held, now = [], ports.now()
    for guild_id in await ports.ledger.load_granting(member_id):
        overrides = await ports.ledger.load_overrides(guild_id, member_id, now)
        plans = await ports.ledger.load_plans(guild_id, removed=True)
        ends = {e.plan_id: e.until for e in decide([], overrides, plans, now, ports.grace)}
        for plan in plans:
            if plan.id in ends:
                until = ends[plan.id]
                ruling = [o for o in overrides if o.covers(plan.id, now) and o.until == until]
                held.append(Held(plan, until, any(o.is_paid for o in ruling)))
    return held
