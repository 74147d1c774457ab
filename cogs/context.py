"""What every command does with an interaction: waiting visibly, answering, and who may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import discord

from billing.errors import GuildGone, NotAllowed

if TYPE_CHECKING:
    from cogs.cards import Card
    from cogs.client import DuesBot

Interaction: TypeAlias = "discord.Interaction[DuesBot]"

NOBODY = discord.AllowedMentions.none()


async def think(interaction: Interaction, *, replace: bool = False) -> None:
    """Acknowledge within Discord's three seconds. `replace`: the answer will take the place of the message
    whose button was pressed; otherwise it is a new one that the caller alone sees."""
    if replace:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


async def answer(interaction: Interaction, card: Card, *, replace: bool = False) -> None:
    """Show a card: in the place of what `think` announced, else as the first answer."""
    if interaction.response.is_done():
        await interaction.edit_original_response(view=card, allowed_mentions=NOBODY)
    elif replace:
        await interaction.response.edit_message(view=card, allowed_mentions=NOBODY)
    else:
        await interaction.response.send_message(view=card, ephemeral=True, allowed_mentions=NOBODY)


async def add(interaction: Interaction, card: Card) -> None:
    """Another message below the answer, for the caller alone."""
    await interaction.followup.send(view=card, ephemeral=True, allowed_mentions=NOBODY)


def locale_of(interaction: Interaction) -> str:
    """The reader's language, as 'de' or 'en-US'."""
    return str(interaction.locale)


async def require_admin(interaction: Interaction, guild_id: int | None) -> int:
    """The server that the caller may manage; NotAllowed otherwise.

    In the server Discord sends along what the caller may do; elsewhere, as with the button of a notice in
    the owner's DM, it is looked up.
    """
    if guild_id is None:
        raise NotAllowed("This works in a server only.")
    if interaction.guild_id == guild_id:
        allowed = interaction.permissions.manage_guild or interaction.permissions.administrator
    else:
        allowed = await _manages(interaction, guild_id)
    if not allowed:
        raise NotAllowed
    return guild_id


async def _manages(interaction: Interaction, guild_id: int) -> bool:
    guild = interaction.client.get_guild(guild_id)
    if guild is None:
        raise GuildGone
    if guild.owner_id == interaction.user.id:
        return True
    try:
        member = await guild.fetch_member(interaction.user.id)
    except discord.NotFound:
        return False
    return member.guild_permissions.manage_guild
