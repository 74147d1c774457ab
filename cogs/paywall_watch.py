"""Tells a server's admins when an edit of channels or roles opens paid content to the wrong people."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from billing.errors import DuesError
from billing.model import Notice, PaywallLeak
from cogs.core.paywall import ServerPermissions, find_leaks, overwrites_of, read_permissions

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

log = logging.getLogger(__name__)

# Seconds. Discord sends an event for each channel and role of one edit, such as a category's sync.
SETTLING = 5.0


@dataclass(slots=True)
class Edits:
    """The state of a server before a series of edits.

    `channels`: overwrites of each edited channel, None if the channel is new. `roles`: permissions of each
    edited role, as bits.
    """

    channels: dict[int, dict[int, tuple[int, int]] | None] = field(default_factory=dict)
    roles: dict[int, int] = field(default_factory=dict)

    def undo(self, server: ServerPermissions) -> ServerPermissions:
        """Return the server's permissions before these edits."""
        channels = dict(server.channels)
        for channel_id, old in self.channels.items():
            channel = channels.pop(channel_id, None)
            if channel is not None and old is not None:
                channels[channel_id] = replace(channel, overwrites=old)
        return replace(server, channels=channels, roles={**server.roles, **self.roles})


class PaywallWatch(commands.Cog):
    """Compares a server's permissions before and after a series of edits."""

    def __init__(self, bot: BaseBot) -> None:
        self._bot = bot
        self._edits: dict[int, Edits] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        """Cancel the comparisons that are still waiting."""
        for task in self._tasks:
            task.cancel()

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        """Schedule a comparison if a channel's overwrites were edited."""
        if before.overwrites != after.overwrites:
            self._edits_of(after.guild).channels.setdefault(after.id, overwrites_of(before))

    @commands.Cog.listener()
    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        """Schedule a comparison after a channel was created."""
        self._edits_of(channel.guild).channels.setdefault(channel.id, None)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Schedule a comparison if a role's permissions were edited."""
        if before.permissions != after.permissions:
            self._edits_of(after.guild).roles.setdefault(after.id, before.permissions.value)

    def _edits_of(self, guild: discord.Guild) -> Edits:
        """Return the server's current series of edits; the first edit schedules the comparison."""
        if guild.id not in self._edits:
            self._edits[guild.id] = Edits()
            task = asyncio.create_task(self._tell_leaks(guild))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._edits[guild.id]

    async def _tell_leaks(self, guild: discord.Guild) -> None:
        await asyncio.sleep(SETTLING)
        after = read_permissions(guild)
        before = self._edits.pop(guild.id).undo(after)
        ports = self._bot.ports
        try:
            plans = await ports.ledger.load_plans(guild.id)
            sold = {role_id for plan in plans for role_id in plan.role_ids}
            new = find_leaks(after, sold).since(find_leaks(before, sold))
            if new:
                body = PaywallLeak(tuple(sorted(new.open)), tuple(sorted(new.staff)), tuple(sorted(new.idle)))
                key = f"paywall:{guild.id}:{secrets.token_hex(8)}"
                await ports.ledger.record_notice(Notice(key, guild.id, None, body, ports.now()))
        except DuesError as error:
            log.warning("an edit of a server's permissions is left to /doctor: %s", error)
