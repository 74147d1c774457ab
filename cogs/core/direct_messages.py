"""Sends direct messages to members."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord

from cogs.core.discord_errors import FAULTS, translate
from cogs.core.interactions import NOBODY

if TYPE_CHECKING:
    from discord.ui import LayoutView


PATIENCE = 60  # seconds; discord.py retries for 25 and waits up to 30 for a rate limit


async def send_direct(
    bot: discord.Client, user_id: int, card: LayoutView, file: discord.File | None = None
) -> None:
    """Send a direct message. Raises MessagesClosed if the person accepts none. `file`: shown by the card."""
    files = [] if file is None else [file]
    try:
        async with asyncio.timeout(PATIENCE):
            channel = await bot.create_dm(discord.Object(user_id))
            await channel.send(view=card, files=files, allowed_mentions=NOBODY)
    except FAULTS as error:
        raise translate(error) from error
