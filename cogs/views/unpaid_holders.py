"""What /doctor says of members who hold a sold role for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord

from billing.model import Finding, Plan
from billing.use_cases.unpaid_holders import unaccounted
from cogs.core.discord_errors import FAULTS

if TYPE_CHECKING:
    from cogs.core.base import BaseBot

LOOKED_AT = 10_000  # members, in ten calls
NAMED = 10
WHAT = "roles by hand"
NOT_SEEN = (
    "Members who hold a sold role without paying could not be looked for: Discord lists members only with "
    "the Server Members Intent."
)


async def find_holders(bot: BaseBot, guild: discord.Guild, plans: Sequence[Plan]) -> Finding:
    """Of the first LOOKED_AT members; it says where there are more."""
    if not bot.intents.members:
        return Finding(WHAT, True, NOT_SEEN)
    sold, found, seen = {role for plan in plans for role in plan.role_ids}, list[int](), 0
    try:
        async for member in guild.fetch_members(limit=LOOKED_AT):
            seen += 1
            held = sold & {role.id for role in member.roles}
            if held and not member.bot and await unaccounted(bot.ports, guild.id, member.id, held):
                found.append(member.id)
    except FAULTS:
        return Finding(WHAT, True, "Discord did not list the members, so their roles were not looked at.")
    rest = f" Only the first {seen} members were looked at." if seen == LOOKED_AT else ""
    if not found:
        return Finding(WHAT, True, f"Nobody holds a sold role without paying or a grant.{rest}")
    who = " ".join(f"<@{m}>" for m in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    hold = "holds" if len(found) == 1 else "hold"
    says = f"{who}{more} {hold} a sold role that nobody pays for and that the bot did not give.{rest}"
    cure = "The bot never takes it. Put it on record with /grant, or take the role away by hand."
    return Finding(WHAT, False, says, cure)
