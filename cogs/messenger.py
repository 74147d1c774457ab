"""Messenger over Discord: members by direct message, admins in their notice channel or by the owner's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import discord

from billing.errors import DiscordError, DiscordUnavailable, GuildGone, MessagesClosed
from billing.fd_limit import kind_of, lacks_descriptors
from billing.model import Notice
from billing.ports import Ledger
from cogs.context import NOBODY
from cogs.notices import notice_card
from cogs.shown import Place

if TYPE_CHECKING:
    from cogs.cards import Card
    from cogs.client import DuesBot

PATIENCE = 60  # seconds; discord.py tries again for 25 and waits up to 30 for a limit
# Discord, 'JSON Error Codes': the person, or the channel, takes no message of ours.
CLOSED = frozenset({50007, 50278, 50009, 10013, 20026})
UNWRITABLE = (discord.Forbidden, discord.NotFound)


class DiscordMessenger:
    """The Messenger port. It can tell only once the bot has been set up."""

    def __init__(self, bot: DuesBot, ledger: Ledger) -> None:
        self._bot = bot
        self._ledger = ledger

    async def tell(self, notice: Notice) -> None:
        """See the port. A server that is gone can be told nothing: MessagesClosed."""
        if notice.member_id is not None:
            card = await notice_card(self._bot.ports, notice, Place(self._bot))
            await send_direct(self._bot, notice.member_id, card)
            return
        settings = await self._ledger.load_guild_settings(notice.guild_id)
        if settings.notice_channel_id is None or not await self._post(notice, settings.notice_channel_id):
            await self._tell_owner(notice)

    async def _post(self, notice: Notice, channel_id: int) -> bool:
        """False when the channel is gone or closed to the bot."""
        card = await notice_card(self._bot.ports, notice, Place(self._bot, notice.guild_id))
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
            self._bot, guild.owner_id, await notice_card(self._bot.ports, notice, Place(self._bot))
        )


async def send_direct(bot: discord.Client, user_id: int, card: Card) -> None:
    """A direct message; MessagesClosed where the person takes none."""
    try:
        async with asyncio.timeout(PATIENCE):
            channel = await bot.create_dm(discord.Object(user_id))
            await channel.send(view=card, allowed_mentions=NOBODY)
    except FAULTS as error:
        raise translate(error) from error


FAULTS = (discord.DiscordException, aiohttp.ClientError, OSError)  # TimeoutError is an OSError


def is_of_discord(error: discord.HTTPException) -> bool:
    """Whether Discord said it: what stands before it, and blocks an address now and then, answers with a page
    of its own under any status."""
    return error.response.headers.get("Content-Type", "").startswith("application/json")


def translate(error: BaseException) -> DiscordError:
    """What discord.py or the network raised, in our words."""
    if isinstance(error, discord.HTTPException) and is_of_discord(error):
        if error.code in CLOSED:
            return MessagesClosed(detail=f"code {error.code}")
        if error.code in (10004, 50001):
            return GuildGone(detail=f"code {error.code}")
        if error.status not in (429, 401) and error.status < 500:
            return DiscordError("Discord refused this.", detail=f"status {error.status}, code {error.code}")
    if lacks_descriptors(error):
        return DiscordUnavailable(detail=kind_of(error))
    return DiscordUnavailable(detail=f"{type(error).__name__}: {error}")
