"""The brake: how many members of one server may lose roles at once before an admin is asked. Pure.

Why it is as it is: docs/decisions/0006-brake.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.model import RULE, Override, OverrideKind, Plan
from billing.model.texts import Text

WINDOW = 3_600  # seconds that count as "at once"
FEWEST = 5  # members who may always lose roles unasked
SHARE = 10  # a tenth of the members who hold roles from us
RELEASED = 86_400  # seconds that an admin's "take them" holds
ASKS_AGAIN = 86_400  # seconds until a brake that is still on is told again
ASK_AFTER = 10  # seconds; by then it is known how many are concerned

REMOVALS_PAUSED = Text("error.removals_paused")


@dataclass(frozen=True, slots=True)
class Brake:
    """A brake that is on in a server.

    `since`: when it went on; `asked_at` names the question that admins were last asked, `asks_again_at` is
    when they are asked anew. `taken` of `holders` members had lost roles within WINDOW when it went on;
    `braked` keep theirs because of it by now.
    """

    guild_id: int
    since: int
    asked_at: int
    asks_again_at: int
    taken: int
    holders: int
    braked: int


def allowed(holders: int) -> int:
    """How many members may lose roles within WINDOW where so many hold roles from us."""
    return max(FEWEST, -(-holders // SHARE))


def ordered_roles(plans: Sequence[Plan], overrides: Iterable[Override], now: float) -> frozenset[int]:
    """The roles that an admin's block in force takes from the member: those are never braked. What a rule
    takes is."""
    blocks = [o for o in overrides if o.kind is OverrideKind.BLOCK and o.by != RULE]
    blocked = (plan for plan in plans if any(block.covers(plan.id, now) for block in blocks))
    return frozenset(role for plan in blocked for role in plan.role_ids)
