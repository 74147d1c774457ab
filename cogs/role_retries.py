"""Retries roles that could not be set, after events in Discord that may have removed the obstacle."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import discord
from discord.ext import commands

from billing.errors import (
    DuesError,
    MembershipPending,
)
from billing.model import Binding
from billing.rules.access import decide
from billing.use_cases.parked_members import queue_parked

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot
from cogs.gateways.roles import RESTORING, SETTLING, log


class RoleSync(commands.Cog):
    """Retries waiting members when they return, or when a role in their server may be settable again."""

    def __init__(self, bot: BaseBot) -> None:
        self._bot = bot
        self._waking: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        """Cancel the tasks that are still waiting."""
        for task in self._tasks:
            task.cancel()

    @commands.Cog.listener()
    async def on_member_join(self, member: discord.Member) -> None:
        """Give a returning member the roles they are entitled to. Requires the members intent.

        Members who are entitled to none but once had some are checked RESTORING seconds later, because other
        bots may restore their former roles.
        """
        who, ports = Binding(member.guild.id, member.id), self._bot.ports
        try:
            state = await ports.ledger.load_member_state(who.guild_id, who.member_id)
        except DuesError as error:
            log.warning("a member who came back is left to the sweep: %s", error)
            return
        if decide(state.subscriptions, state.overrides, state.plans, ports.now(), ports.grace):
            await self._mark(who, "rejoined")
        elif state.granted:
            self._begin(self._mark_restored(who))

    async def _mark_restored(self, who: Binding) -> None:
        await asyncio.sleep(RESTORING)
        await self._mark(who, "rejoined")

    @commands.Cog.listener()
    async def on_member_seen(self, guild_id: int, member_id: int, pending: bool) -> None:
        """Give a member the roles that waited until they passed the server's screening.

        Requires the members intent.
        """
        if pending:
            return
        try:
            state = await self._bot.ports.ledger.load_member_state(guild_id, member_id)
        except DuesError as error:
            log.warning("a member who was screened is left to the sweep: %s", error)
            return
        if MembershipPending.user_message in state.parked:
            await self._mark(Binding(guild_id, member_id), "screened")

    async def _mark(self, who: Binding, why: str) -> None:
        ports = self._bot.ports
        try:
            await ports.ledger.record_queued_members([who], why, ports.now())
        except DuesError as error:
            log.warning("a member is left to the sweep: %s", error)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Retry waiting members when the bot's own roles change.

        Other members are not cached, so their changes do not arrive here.
        """
        if after.id == self._bot.own_id and before.roles != after.roles:
            self._wake(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Retry waiting members when a role was moved or its permissions changed."""
        if (before.position, before.permissions) != (after.position, after.permissions):
            self._wake(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_create(self, role: discord.Role) -> None:
        """Retry waiting members when a role was created, because that may have moved others."""
        self._wake(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Retry waiting members when a role was deleted, because that may have moved others."""
        self._wake(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Retry waiting members when the bot joins a server."""
        self._wake(guild.id)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Retry waiting members when a server is back from an outage of Discord."""
        self._wake(guild.id)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Retry the waiting members of a shard's servers, because changes may have been missed meanwhile."""
        for guild in self._bot.guilds:
            if guild.shard_id == shard_id:
                self._wake(guild.id)

    def _wake(self, guild_id: int) -> None:
        """Queue a server's waiting members after SETTLING seconds, once for all changes until then."""
        if guild_id not in self._waking:
            self._waking.add(guild_id)
            self._begin(self._mark_parked(guild_id))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _mark_parked(self, guild_id: int) -> None:
        await asyncio.sleep(SETTLING)
        self._waking.discard(guild_id)
        try:
            await queue_parked(self._bot.ports, guild_id, "role_change")
        except DuesError as error:
            log.warning("parked members are left to the sweep: %s", error)
