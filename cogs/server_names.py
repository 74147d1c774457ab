"""Remembers servers' names and icons, for texts about a server of which Discord does not tell just now."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from billing.errors import LedgerError
from billing.use_cases.selling_servers import every_seller

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

log = logging.getLogger(__name__)


def value_name(guild_id: int) -> str:
    """Return the name of the ledger's value with a server's name and the hash of its icon, as JSON."""
    return f"server:{guild_id}"


class ServerNames(commands.Cog):
    """Stores each server's name as Discord tells it, and at the start reads those of servers that sell."""

    def __init__(self, bot: BaseBot) -> None:
        self._bot = bot
        self._reading: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        """Read the stored names meanwhile. discord.py calls this when the cog is added."""
        self._reading = asyncio.create_task(self._read())

    async def cog_unload(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        ledger = self._bot.ports.ledger
        try:
            async for guild_id in every_seller(ledger):
                if (stored := await ledger.load_value(value_name(guild_id))) is not None:
                    self._bot.server_names.setdefault(guild_id, json.loads(stored)["name"])
        except LedgerError as error:
            log.warning("the names of servers were not read: %s", error)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Remember a server that Discord tells of after a start or an outage."""
        await self._remember(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Remember a server that the bot has joined."""
        await self._remember(guild)

    @commands.Cog.listener()
    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """Remember a server's new name or icon."""
        if (before.name, before.icon) != (after.name, after.icon):
            await self._remember(after)

    async def _remember(self, guild: discord.Guild) -> None:
        self._bot.server_names[guild.id] = guild.name
        ledger, name = self._bot.ports.ledger, value_name(guild.id)
        text = json.dumps({"name": guild.name, "icon": guild.icon and guild.icon.key})
        try:
            if await ledger.load_value(name) != text:
                await ledger.record_value(name, text)
        except LedgerError as error:
            log.warning("the name of server %d was not stored: %s", guild.id, error)
