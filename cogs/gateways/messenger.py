"""Sends notices through Discord: by DM to members, and to a channel or the server's owner for admins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord

from billing.errors import MessagesClosed
from billing.model import Notice, Plan
from billing.model.panels import Panel
from billing.ports import Ledger
from cogs.core.direct_messages import PATIENCE, send_direct
from cogs.core.discord_errors import FAULTS, UNWRITABLE, is_of_discord, translate
from cogs.core.interactions import NOBODY
from cogs.views.layout import Card
from cogs.views.notices import notice_card
from cogs.views.panel import panel_card
from cogs.views.reader import UNSEEN, Audience, server_locale
from i18n import use_language

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot


class DiscordMessenger:
    """The Messenger port over Discord, usable once the bot has been set up.

    Notices to admins are posted in their notice channel. If that is not set or closed to the bot, the
    server's owner gets a DM.
    """

    def __init__(self, bot: BaseBot, ledger: Ledger) -> None:
        self._bot = bot
        self._ledger = ledger

    async def tell(self, notice: Notice) -> None:
        """Send the notice in the reader's language.

        Raises MessagesClosed if nobody can be reached, for example after the bot has left the server.
        """
        if notice.member_id is not None:
            locale = await self._ledger.load_locale(notice.member_id) or UNSEEN
            await send_direct(self._bot, notice.member_id, await self._card(notice, None, locale))
            return
        settings = await self._ledger.load_guild_settings(notice.guild_id)
        if settings.notice_channel_id is None or not await self._post(notice, settings.notice_channel_id):
            await self._tell_owner(notice)

    async def show_panel(self, panel: Panel, plans: Sequence[Plan]) -> bool:
        """Edit a server's public card, in the server's language. Returns False if its message is gone."""
        self._bot.find_guild(panel.guild_id)  # without it, the card would lack the server's name
        channel = self._bot.get_partial_messageable(panel.channel_id, guild_id=panel.guild_id)
        card = panel_card(plans, self._bot, panel.guild_id)
        try:
            async with asyncio.timeout(PATIENCE):
                await channel.get_partial_message(panel.message_id).edit(view=card, allowed_mentions=NOBODY)
        except discord.NotFound as error:
            if not is_of_discord(error):
                raise translate(error) from error
            return False
        except FAULTS as error:
            raise translate(error) from error
        return True

    async def _card(self, notice: Notice, guild_id: int | None, locale: str) -> Card:
        """Return the card of a notice for a reader with that locale.

        `guild_id`: the server in which the notice is read; None for a DM.
        """
        with use_language(locale):
            return await notice_card(self._bot.ports, notice, Audience(self._bot, guild_id, locale))

    async def _post(self, notice: Notice, channel_id: int) -> bool:
        """Post the notice in the server's channel, in the server's language.

        Returns False if the channel is deleted or closed to the bot.
        """
        try:
            locale = server_locale(await self._server(notice.guild_id))
            card = await self._card(notice, notice.guild_id, locale)
            async with asyncio.timeout(PATIENCE):
                channel = self._bot.get_partial_messageable(channel_id, guild_id=notice.guild_id)
                await channel.send(view=card, allowed_mentions=NOBODY)
        except UNWRITABLE as error:
            if not is_of_discord(error):
                raise translate(error) from error
            return False
        except FAULTS as error:
            raise translate(error) from error
        return True

    async def _server(self, guild_id: int) -> discord.Guild:
        """Return the server from the cache; while its shard has not been connected yet, from Discord."""
        return self._bot.get_guild(guild_id) or await self._bot.fetch_guild(guild_id)

    async def _tell_owner(self, notice: Notice) -> None:
        """Send the notice to the server's owner by DM.

        It is written in the owner's language if that is known, otherwise in the server's.
        """
        try:
            guild = await self._server(notice.guild_id)
        except UNWRITABLE as error:
            if not is_of_discord(error):
                raise translate(error) from error
            raise MessagesClosed(detail=f"server {notice.guild_id} is gone") from error
        except FAULTS as error:
            raise translate(error) from error
        if guild.owner_id is None:
            raise MessagesClosed(detail=f"the owner of server {notice.guild_id} is not known")
        locale = await self._ledger.load_locale(guild.owner_id) or server_locale(guild)
        await send_direct(self._bot, guild.owner_id, await self._card(notice, None, locale))
