"""Messenger over Discord: members by direct message, admins in their notice channel or by the owner's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from billing.errors import MessagesClosed
from billing.model import Notice
from billing.ports import Ledger
from cogs.core.direct_messages import PATIENCE, send_direct
from cogs.core.discord_errors import FAULTS, UNWRITABLE, is_of_discord, translate
from cogs.core.interactions import NOBODY
from cogs.views.notices import notice_card
from cogs.views.subscription import Audience

if TYPE_CHECKING:
    from cogs.core.base import BaseBot


class DiscordMessenger:
    """The Messenger port. It can tell only once the bot has been set up."""

    def __init__(self, bot: BaseBot, ledger: Ledger) -> None:
        self._bot = bot
        self._ledger = ledger

    async def tell(self, notice: Notice) -> None:
        """See the port. A server that is gone can be told nothing: MessagesClosed."""
        if notice.member_id is not None:
            card = await notice_card(self._bot.ports, notice, Audience(self._bot))
            await send_direct(self._bot, notice.member_id, card)
            return
        settings = await self._ledger.load_guild_settings(notice.guild_id)
        if settings.notice_channel_id is None or not await self._post(notice, settings.notice_channel_id):
            await self._tell_owner(notice)

    async def _post(self, notice: Notice, channel_id: int) -> bool:
        """False when the channel is gone or closed to the bot."""
        card = await notice_card(self._bot.ports, notice, Audience(self._bot, notice.guild_id))
        try:
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

    async def _tell_owner(self, notice: Notice) -> None:
        try:
            guild = self._bot.get_guild(notice.guild_id) or await self._bot.fetch_guild(notice.guild_id)
        except UNWRITABLE as error:
            if not is_of_discord(error):
                raise translate(error) from error
            raise MessagesClosed(detail=f"server {notice.guild_id} is gone") from error
        except FAULTS as error:
            raise translate(error) from error
        if guild.owner_id is None:
            raise MessagesClosed(detail=f"the owner of server {notice.guild_id} is not known")
        await send_direct(
            self._bot, guild.owner_id, await notice_card(self._bot.ports, notice, Audience(self._bot))
        )
