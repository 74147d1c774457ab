"""Acknowledges and answers interactions, and checks whether the caller is an admin."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord

from billing.errors import LedgerError, NotAllowed
from i18n import tr

if TYPE_CHECKING:
    from discord.ui import LayoutView

    from cogs.core.bot_interface import Interaction

log = logging.getLogger(__name__)

NOBODY = discord.AllowedMentions.none()


async def defer(interaction: Interaction, *, replace: bool = False) -> None:
    """Acknowledge an interaction within Discord's three seconds.

    If `replace` is true, the answer will replace the message with the pressed button. Otherwise it is a new
    message that only the caller sees.
    """
    if replace:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


async def respond(interaction: Interaction, card: LayoutView, *, replace: bool = False) -> None:
    """Show a card as the answer to an interaction, whether or not `defer` was called before.

    If `replace` is true, a first answer replaces the message with the pressed button.
    """
    if interaction.response.is_done():
        await interaction.edit_original_response(view=card, allowed_mentions=NOBODY)
    elif replace:
        await interaction.response.edit_message(view=card, allowed_mentions=NOBODY)
    else:
        await interaction.response.send_message(view=card, ephemeral=True, allowed_mentions=NOBODY)


async def follow_up(interaction: Interaction, card: LayoutView) -> None:
    """Send the caller another message below the answer. Only the caller sees it."""
    await interaction.followup.send(view=card, ephemeral=True, allowed_mentions=NOBODY)


def locale_of(interaction: Interaction) -> str:
    """Return the caller's locale, such as 'de' or 'en-US'."""
    return str(interaction.locale)


async def remember_locale(interaction: Interaction) -> None:
    """Store the caller's locale, because later notices to them use its language.

    If the ledger cannot be written, notices keep the language they had.
    """
    if interaction.type is discord.InteractionType.autocomplete:  # Discord sends one for each keystroke
        return
    try:
        await interaction.client.ports.ledger.record_locale(interaction.user.id, locale_of(interaction))
    except LedgerError as error:
        log.warning("the locale of user %d was not recorded: %s", interaction.user.id, error)


async def require_admin(interaction: Interaction, guild_id: int | None) -> int:
    """Return the server's id. Raises NotAllowed if the caller may not manage it, or in a DM."""
    if guild_id is None:
        raise NotAllowed(tr("error.server_only"))
    allowed = (await _permissions(interaction, guild_id)).manage_guild
    if not allowed:
        raise NotAllowed
    return guild_id


async def _permissions(interaction: Interaction, guild_id: int) -> discord.Permissions:
    """Return the caller's current permissions in the whole server.

    The permissions that Discord sends with an interaction include the overwrites of its channel, so they do
    not count. Outside of the server, for example for a button in the owner's DM, the member is fetched from
    Discord.
    """
    guild = interaction.client.find_guild(guild_id)
    if isinstance(interaction.user, discord.Member) and interaction.guild_id == guild_id:
        return interaction.user.guild_permissions
    if guild.owner_id == interaction.user.id:
        return discord.Permissions.all()
    try:
        member = await guild.fetch_member(interaction.user.id)
    except discord.NotFound:
        return discord.Permissions.none()
    return member.guild_permissions
