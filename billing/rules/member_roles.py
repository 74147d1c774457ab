"""Explains for each role of a member why Dues gives it or not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.model import Cause, MemberState
from billing.rules.access import decide
from billing.rules.role_causes import Why, why_given, why_taken
from billing.rules.roles import roles_of


class RoleState(StrEnum):
    """The state of a plan's role for one member."""

    OWED = "owed"  # they are entitled to it
    HELD = "held"  # what they pay is not known at the moment: it stays, and is not given
    LEAVING = "leaving"  # Dues gave it, and nothing gives a right to it any more
    LOST = "lost"  # they had it by a subscription or grant that ended


@dataclass(frozen=True, slots=True)
class RoleReason:
    """A role with its reason.

    `until`: the end of the right, in unix seconds; None: no end in sight. `by_dues`: the bot gave the role
    and may take it.
    """

    role_id: int
    state: RoleState
    why: Why
    until: int | None = None
    by_dues: bool = False


def explain_roles(state: MemberState, now: int, grace: int) -> list[RoleReason]:
    """Return each role of the server's plans that the member has, had or should have, with its reason."""
    entitlements = decide(state.subscriptions, state.overrides, state.plans, now, grace)
    owed = roles_of(entitlements, state.plans, held=False)
    held = roles_of(entitlements, state.plans, held=True) - owed
    ends = {e.plan_id: e.until for e in entitlements}
    found = []
    for role_id in dict.fromkeys(role for plan in state.plans for role in plan.role_ids):
        ours = role_id in state.granted
        until = [ends[plan.id] for plan in state.plans if plan.id in ends and role_id in plan.role_ids]
        if role_id in owed:
            end = None if None in until else max(end for end in until if end is not None)
            why = why_given(role_id, state, now, grace, ())
            found.append(RoleReason(role_id, RoleState.OWED, why, end, ours))
        elif role_id in held:
            found.append(RoleReason(role_id, RoleState.HELD, Why(Cause.OTHER), None, ours))
        elif ours or _had(role_id, state, now):
            why = why_taken(role_id, state, now, grace, ())
            found.append(RoleReason(role_id, RoleState.LEAVING if ours else RoleState.LOST, why, None, ours))
    return [reason for reason in found if reason.state is not RoleState.LOST or reason.why.plan]


def _had(role_id: int, state: MemberState, now: int) -> bool:
    """Return True if an end or a block explains that the member does not have the role."""
    cause = why_taken(role_id, state, now, 0, ()).cause
    return cause not in (Cause.OTHER, Cause.PLAN_EDITED)
