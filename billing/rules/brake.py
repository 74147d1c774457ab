"""The brake, a circuit breaker for removals of roles. Pure.

It limits how many members of one server may lose roles at once before an admin is asked.
docs/decisions/0006-brake.md explains the design.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.model import RULE, Override, OverrideKind, Plan
from billing.model.translatable_text import Text

WINDOW = 3_600  # seconds that count as "at once"
FEWEST = 5  # members who may always lose roles without asking
SHARE = 10  # one in so many of the members who hold roles from the bot
RELEASED = 86_400  # seconds for which an admin's "take them" is valid
ASKS_AGAIN = 86_400  # seconds until admins are reminded of a brake that is still on
ASK_AFTER = 10  # seconds until admins are asked; by then the number of affected members is known

REMOVALS_PAUSED = Text("error.removals_paused")


@dataclass(frozen=True, slots=True)
class Brake:
    """A brake that is on in a server. Moments in unix seconds.

    `since`: when it went on. `asked_at` identifies the question that admins were last asked; `asks_again_at`:
    when they are asked again. `taken` of `holders` members had lost roles within WINDOW when it went on;
    `braked` members currently keep theirs because of it.
    """

    guild_id: int
    since: int
    asked_at: int
    asks_again_at: int
    taken: int
    holders: int
    braked: int


def allowed(holders: int) -> int:
    """Return how many of `holders` members with roles from the bot may lose roles within WINDOW."""
    return max(FEWEST, -(-holders // SHARE))


def ordered_roles(plans: Sequence[Plan], overrides: Iterable[Override], now: float) -> frozenset[int]:
    """Return the roles that an admin's block in force takes from the member; the brake never stops these.

    The brake does stop removals that follow from a rule's block.
    """
    blocks = [o for o in overrides if o.kind is OverrideKind.BLOCK and o.by != RULE]
    blocked = (plan for plan in plans if any(block.covers(plan.id, now) for block in blocks))
    return frozenset(role for plan in blocked for role in plan.role_ids)
