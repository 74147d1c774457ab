"""The finding of /doctor about members who have a sold role without paying for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord

from billing.model import Finding, Plan
from billing.use_cases.unpaid_holders import unaccounted
from cogs.core.discord_errors import FAULTS
from i18n import tr

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

LOOKED_AT = 10_000  # members, in ten calls
NAMED = 10


async def find_holders(bot: BaseBot, guild: discord.Guild, plans: Sequence[Plan]) -> Finding:
    """Return the finding about sold roles that nobody pays for, among the first LOOKED_AT members.

    It says so if the server has more members.
    """
    what = tr("doctor.label.by_hand")
    if not bot.intents.members:
        return Finding(what, True, tr("doctor.holders_unseen"))
    try:
        found, seen = await load_unpaid_holders(bot, guild, plans)
    except FAULTS:
        return Finding(what, True, tr("doctor.holders_unlisted"))
    rest = " " + tr("doctor.holders_first", n=seen) if seen == LOOKED_AT else ""
    if not found:
        return Finding(what, True, tr("doctor.holders_none") + rest)
    members, more = " ".join(f"<@{m}>" for m in found[:NAMED]), len(found) - NAMED
    if more > 0:
        said = tr("doctor.holders_more", members=members, n=more)
    else:
        said = tr("doctor.holders", members=members, n=len(found))
    return Finding(what, False, said + rest, tr("doctor.holders_cure"))


async def load_unpaid_holders(
    bot: BaseBot, guild: discord.Guild, plans: Sequence[Plan]
) -> tuple[list[int], int]:
    """Return the members among the first LOOKED_AT who have a sold role without a right to it, and how many
    members were looked at. Raises discord.py's errors."""
    sold, found, seen = {role for plan in plans for role in plan.role_ids}, list[int](), 0
    async for member in guild.fetch_members(limit=LOOKED_AT):
        seen += 1
        held = sold & {role.id for role in member.roles}
        if held and not member.bot and await unaccounted(bot.ports, guild.id, member.id, held):
            found.append(member.id)
    return found, seen
