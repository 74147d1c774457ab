"""What every command does with an interaction: waiting visibly, answering, and who may ask."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord

from billing.errors import GuildGone, LedgerError, NotAllowed

if TYPE_CHECKING:
    from discord.ui import LayoutView

    from cogs.core.base import Interaction

log = logging.getLogger(__name__)

NOBODY = discord.AllowedMentions.none()


async def defer(interaction: Interaction, *, replace: bool = False) -> None:
    """Acknowledge within Discord's three seconds. `replace`: the answer will take the place of the message
    whose button was pressed; otherwise it is a new one that the caller alone sees."""
    if replace:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


async def respond(interaction: Interaction, card: LayoutView, *, replace: bool = False) -> None:
    """Show a card: in the place of what `think` announced, else as the first answer."""
    if interaction.response.is_done():
        await interaction.edit_original_response(view=card, allowed_mentions=NOBODY)
    elif replace:
        await interaction.response.edit_message(view=card, allowed_mentions=NOBODY)
    else:
        await interaction.response.send_message(view=card, ephemeral=True, allowed_mentions=NOBODY)


async def follow_up(interaction: Interaction, card: LayoutView) -> None:
    """Another message below the answer, for the caller alone."""
    await interaction.followup.send(view=card, ephemeral=True, allowed_mentions=NOBODY)


def locale_of(interaction: Interaction) -> str:
    """The reader's language, as 'de' or 'en-US'."""
    return str(interaction.locale)


async def remember_locale(interaction: Interaction) -> None:
    """Keep the caller's locale, in whose language later notices to them are written. If the ledger cannot be
    written, the notices keep the language that they had."""
    if interaction.type is discord.InteractionType.autocomplete:  # one at each keystroke
        return
    try:
        await interaction.client.ports.ledger.record_locale(interaction.user.id, locale_of(interaction))
    except LedgerError as error:
        log.warning("the locale of user %d was not recorded: %s", interaction.user.id, error)


async def require_admin(interaction: Interaction, guild_id: int | None) -> int:
    """The server that the caller may manage; NotAllowed otherwise."""
    if guild_id is None:
        raise NotAllowed("This works in a server only.")
    allowed = (await _permissions(interaction, guild_id)).manage_guild
    if not allowed:
        raise NotAllowed
    return guild_id


async def _permissions(interaction: Interaction, guild_id: int) -> discord.Permissions:
    """What the caller may do in the whole server, at this moment. The permissions that Discord sends along
    with an interaction include its channel's overwrites, so they do not count.

    Outside of that server, as with the button of a notice in the owner's DM, the member is looked up.
    """
    guild = interaction.client.get_guild(guild_id)
    if guild is None:
        raise GuildGone
    if isinstance(interaction.user, discord.Member) and interaction.guild_id == guild_id:
        return interaction.user.guild_permissions
    if guild.owner_id == interaction.user.id:
        return discord.Permissions.all()
    try:
        member = await guild.fetch_member(interaction.user.id)
    except discord.NotFound:
        return discord.Permissions.none()
    return member.guild_permissions
