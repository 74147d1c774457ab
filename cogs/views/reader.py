"""Where a card is read, a server or a DM, and in which language its amounts are formatted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from cogs.views.text import roles
from i18n import tr

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

# For people who never used the bot, and for servers that the bot does not see.
UNSEEN = "en-US"


def server_locale(guild: discord.Guild | None) -> str:
    """Return the server's language, as its admins set it in Discord."""
    return UNSEEN if guild is None else str(guild.preferred_locale)


@dataclass(frozen=True, slots=True)
class Audience:
    """The readers of a card.

    `guild_id`: the server in which they read it, None for a DM. Role mentions work only in their own server;
    elsewhere names are shown. `locale`: the locale for the format of amounts.
    """

    client: BaseBot
    guild_id: int | None = None
    locale: str = "en-US"

    def server(self, guild_id: int) -> str:
        """Return the server's name, not escaped; a placeholder text if the bot never heard it."""
        guild = self.client.get_guild(guild_id)
        name = guild.name if guild and guild.name else self.client.server_names.get(guild_id)
        return name or tr("card.unknown_server")

    def roles(self, guild_id: int, role_ids: Sequence[int]) -> str:
        """Return the roles as mentions or names; only their number while the server is unknown."""
        if guild_id == self.guild_id:
            return roles(role_ids)
        guild = self.client.get_guild(guild_id)
        if guild is None:
            return tr("count.roles", n=len(role_ids))
        return roles(role_ids, {role.id: role.name for role in guild.roles})
