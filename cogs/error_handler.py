"""The one error handler, of commands and of buttons."""

from __future__ import annotations

import logging
import secrets

import aiohttp
import discord
from discord import app_commands

from billing.errors import DiscordUnavailable, DuesError, NotAllowed, PersonError
from billing.fd_limit import lacks_descriptors
from cogs.core.base import Interaction
from cogs.core.discord_errors import translate
from cogs.core.interactions import follow_up, respond
from cogs.views.layout import note
from cogs.views.text import discord_words

log = logging.getLogger(__name__)

# The interaction is over, was answered already, or its 15 minutes have passed: nobody is there to be told.
LATE = frozenset({10062, 40060, 10015, 50027})

OUTDATED = "This command has changed. Reload Discord (Ctrl+R), then type it again."

UNREACHED = (
    "Discord could not be reached for a moment, so this may not have come to its end. Please try again in a "
    "minute; /subscriptions shows how things stand."
)


async def report_error(interaction: Interaction, error: BaseException) -> None:
    """Tell the person what happened and what to do, and the log what they cannot mend."""
    error = _cause(error)
    if isinstance(error, discord.HTTPException) and error.code in LATE:
        log.info("an interaction was over before it was answered (code %s)", error.code)
        return
    sentence = _sentence(interaction, error)
    if interaction.type is discord.InteractionType.autocomplete:
        return
    try:
        await _show(interaction, sentence)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failed:
        log.info("a fault could not be told to its person: %s", failed)


def is_worth_a_trace(record: logging.LogRecord) -> bool:
    """A filter of what discord.py logs of autocompletes that failed. Nobody can be told; where Discord was
    too slow or away, or the fault is known, one line says so."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, discord.HTTPException) and error.code in LATE:
        log.info("an autocomplete was over before it was answered (code %s)", error.code)
    elif lost := error and _lost(error):
        log.warning("an autocomplete was cut short: %s", lost)
    elif isinstance(error, DuesError):
        log.warning("an autocomplete failed: %s: %s", type(error).__name__, error)
    else:
        return True
    return False


def _cause(error: BaseException) -> BaseException:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


def _lost(error: BaseException) -> DiscordUnavailable | None:
    """What kept Discord from being reached, where that is all that happened."""
    if isinstance(error, discord.HTTPException | aiohttp.ClientError) or lacks_descriptors(error):
        found = translate(error)
        return found if isinstance(found, DiscordUnavailable) else None
    return None


def _sentence(interaction: Interaction, error: BaseException) -> str:
    if lost := _lost(error):
        log.warning("%s was cut short: %s", _name(interaction), lost)
        return UNREACHED
    if isinstance(error, DuesError):
        if not isinstance(error, PersonError):
            log.warning("%s: %s", type(error).__name__, error)
        return discord_words(error.user_message)
    if isinstance(error, app_commands.CheckFailure):
        return discord_words(NotAllowed.user_message)
    if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return OUTDATED
    if isinstance(error, app_commands.TransformerError):
        return "One of the options cannot be used here. Choose another one from the list that Discord shows."
    number = secrets.token_hex(4)
    log.error("fault %s in %s", number, _name(interaction), exc_info=error)
    return (
        f"Something went wrong in the bot (fault `{number}`). Nothing more was done. Please try again; "
        "if it stays, tell the server's admins that number."
    )


def _name(interaction: Interaction) -> str:
    if interaction.command is not None:
        return f"/{interaction.command.qualified_name}"
    return f"a {interaction.type.name} interaction"


async def _show(interaction: Interaction, sentence: str) -> None:
    """In the place of what waits for an answer; a message that others see too stays, and it comes below."""
    if interaction.response.is_done() and not _waits(interaction):
        await follow_up(interaction, note(sentence))
    else:
        await respond(interaction, note(sentence))


def _waits(interaction: Interaction) -> bool:
    kinds = discord.InteractionResponseType
    if interaction.response.type is kinds.deferred_message_update:
        return interaction.message is not None and interaction.message.flags.ephemeral
    return interaction.response.type is kinds.deferred_channel_message
