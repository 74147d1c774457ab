"""Reports errors of commands and buttons to the user, and logs those that the user cannot fix."""

from __future__ import annotations

import logging
import secrets

import aiohttp
import discord
from discord import app_commands

from billing.errors import DiscordUnavailable, DuesError, NotAllowed, PersonError
from billing.fd_limit import lacks_descriptors
from cogs.core.bot_interface import Interaction
from cogs.core.discord_errors import translate
from cogs.core.interactions import follow_up, respond
from cogs.views.layout import note
from cogs.views.text import discord_words
from i18n import tr

log = logging.getLogger(__name__)

# The interaction is over or already answered, or its 15 minutes have passed, so nobody can be told.
LATE = frozenset({10062, 40060, 10015, 50027})


async def report_error(interaction: Interaction, error: BaseException) -> None:
    """Tell the user what happened and what they can do, and log errors that they cannot fix themselves."""
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
        log.info("an error could not be shown to the user: %s", failed)


def is_worth_a_trace(record: logging.LogRecord) -> bool:
    """Return False for discord.py's log records of failed autocompletes with a known cause.

    No user can be told about a failed autocomplete. A known error, or a slow or unavailable Discord, is
    logged as one line without a traceback instead.
    """
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
    """Return the reason why Discord could not be reached; None if anything else went wrong."""
    if isinstance(error, discord.HTTPException | aiohttp.ClientError) or lacks_descriptors(error):
        found = translate(error)
        return found if isinstance(found, DiscordUnavailable) else None
    return None


def _sentence(interaction: Interaction, error: BaseException) -> str:
    if lost := _lost(error):
        log.warning("%s was cut short: %s", _name(interaction), lost)
        return tr("error.discord_unreached")
    if isinstance(error, DuesError):
        if not isinstance(error, PersonError):
            log.warning("%s: %s", type(error).__name__, error)
        return discord_words(error.user_message)
    if isinstance(error, app_commands.CheckFailure):
        return discord_words(NotAllowed.user_message)
    if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return tr("error.command_outdated")
    if isinstance(error, app_commands.TransformerError):
        return tr("error.option_unusable")
    number = secrets.token_hex(4)
    log.error("error %s in %s", number, _name(interaction), exc_info=error)
    return tr("error.bug", number=number)


def _name(interaction: Interaction) -> str:
    if interaction.command is not None:
        return f"/{interaction.command.qualified_name}"
    return f"a {interaction.type.name} interaction"


async def _show(interaction: Interaction, sentence: str) -> None:
    """Show the sentence in place of a pending answer, or below a message that others can see too."""
    if interaction.response.is_done() and not _waits(interaction):
        await follow_up(interaction, note(sentence))
    else:
        await respond(interaction, note(sentence))


def _waits(interaction: Interaction) -> bool:
    kinds = discord.InteractionResponseType
    if interaction.response.type is kinds.deferred_message_update:
        return interaction.message is not None and interaction.message.flags.ephemeral
    return interaction.response.type is kinds.deferred_channel_message
