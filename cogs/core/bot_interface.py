"""The part of the bot that commands, views and gateways may use.

It lets them do so without importing the bot itself, which would be a circular import.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeAlias

import discord
from discord.ext import commands

from billing.errors import GuildGone, GuildOutage
from billing.ports import Ports
from cogs.core.gateway_recovery import GatewayState


class BaseBot(commands.AutoShardedBot):
    """The client as its commands see it. `DuesBot` in cogs/bot.py implements it.

    `server_names`: by server id, as Discord last told them.
    `memberships`: by server and user id, whether the user is a member, and until when that is trusted.
    `owners`: the application's owner or team, and until when that is trusted. Both times are in monotonic
    seconds.
    """

    ports: Ports
    gateway: GatewayState
    server_names: dict[int, str]
    memberships: dict[tuple[int, int], tuple[bool, float]]
    owners: tuple[frozenset[int], float]

    @abstractmethod
    def is_online(self) -> bool:
        """Return True if the gateway is delivering the events of all servers."""

    @abstractmethod
    def hears_any(self) -> bool:
        """Return True if the gateway is delivering the events of at least some servers."""

    @abstractmethod
    def hears(self, guild_id: int) -> bool:
        """Return True if the shard that would deliver this server's events is connected."""

    @abstractmethod
    def why_offline(self) -> str | None:
        """Return the reason why the bot accepts no commands in all or some servers; None while it does."""

    def may_be_in(self, guild_id: int) -> bool:
        """Return True if the bot is in this server, or if its shard is down, so that nobody can tell."""
        return self.get_guild(guild_id) is not None or not self.hears(guild_id)

    def find_guild(self, guild_id: int) -> discord.Guild:
        """Return the server, as discord.py has cached it.

        Raises GuildGone if the bot is not in it, and GuildOutage if its shard is down.
        """
        guild = self.get_guild(guild_id)
        if guild is not None:
            return guild
        if self.hears(guild_id):
            raise GuildGone(detail="not among the bot's servers")
        raise GuildOutage(detail="its shard is not connected")

    @property
    @abstractmethod
    def own_id(self) -> int:
        """Return the bot's user id, 0 before login."""


Interaction: TypeAlias = discord.Interaction[BaseBot]
