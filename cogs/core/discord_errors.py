"""Translates errors of discord.py and of the network into the program's own errors."""

from __future__ import annotations

import aiohttp
import discord

from billing.errors import DiscordError, DiscordUnavailable, GuildGone, MessagesClosed
from billing.fd_limit import kind_of, lacks_descriptors
from billing.model.translatable_text import Text

# Discord, 'JSON Error Codes': the person or the channel accepts no message from the bot.
CLOSED = frozenset({50007, 50278, 50009, 10013, 20026})


UNWRITABLE = (discord.Forbidden, discord.NotFound)


FAULTS = (discord.DiscordException, aiohttp.ClientError, OSError)  # TimeoutError is an OSError


def is_of_discord(error: discord.HTTPException) -> bool:
    """Return True if Discord itself sent the answer.

    The service in front of Discord sometimes blocks an address. It then answers with its own page and any
    status.
    """
    return error.response.headers.get("Content-Type", "").startswith("application/json")


def translate(error: BaseException) -> DiscordError:
    """Return the program's own error for an error of discord.py or of the network."""
    if isinstance(error, discord.HTTPException) and is_of_discord(error):
        if error.code in CLOSED:
            return MessagesClosed(detail=f"code {error.code}")
        if error.code in (10004, 50001):
            return GuildGone(detail=f"code {error.code}")
        if error.status not in (429, 401) and error.status < 500:
            detail = f"status {error.status}, code {error.code}"
            return DiscordError(Text("error.discord_refused"), detail=detail)
    if lacks_descriptors(error):
        return DiscordUnavailable(detail=kind_of(error))
    return DiscordUnavailable(detail=f"{type(error).__name__}: {error}")
