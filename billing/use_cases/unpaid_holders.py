"""Finds members with a sold role that nobody pays for and that the bot did not give."""

from __future__ import annotations

from collections.abc import Set

from billing.ports import Ports
from billing.rules.access import decide
from billing.rules.roles import roles_of


async def unaccounted(ports: Ports, guild_id: int, member_id: int, sold: Set[int]) -> Set[int]:
    """Return the `sold` roles to which a member has no right and which the bot did not give.

    The bot would never remove such a role.
    """
    state = await ports.ledger.load_member_state(guild_id, member_id)
    rights = decide(state.subscriptions, state.overrides, state.plans, ports.now(), ports.grace)
    owed = (roles_of(rights, state.plans, held=held) for held in (True, False))
    return sold - state.granted - frozenset[int]().union(*owed)
