"""Implements /panel: a public card with what a server sells, on which anybody can press a button."""

from __future__ import annotations

from contextlib import suppress

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import DuesError, NotAllowed
from billing.model.panels import Panel
from billing.model.translatable_text import Text
from billing.use_cases.subscribe import load_sale
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress
from cogs.core.discord_errors import FAULTS, translate
from cogs.core.interactions import NOBODY, defer, require_admin, respond
from cogs.core.role_permissions import can_write
from cogs.subscribe import show_sale
from cogs.subscriptions import show_subscriptions
from cogs.translator import described
from cogs.views import layout
from cogs.views.panel import panel_card
from i18n import tr


class PanelCog(commands.Cog):
    """Posts the card, and answers presses of its buttons."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"panelbuy": self.subscribe, "panelmine": self.mine}

    @app_commands.command(description=described("description.panel"))
    @app_commands.describe(channel=described("option.panel.channel"))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def panel(self, interaction: Interaction, channel: discord.TextChannel) -> None:
        """Post the card in a channel. The server's earlier card is deleted."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        ports = interaction.client.ports
        _require_writable(interaction, channel)
        before = await ports.ledger.load_panel(guild_id)
        card = panel_card(await load_sale(ports, guild_id), interaction.client, guild_id)
        try:
            message = await channel.send(view=card, allowed_mentions=NOBODY)
        except FAULTS as error:
            raise translate(error) from error
        try:
            await ports.ledger.record_panel(guild_id, channel.id, message.id, ports.now())
        except DuesError:
            await _delete(interaction, Panel(guild_id, channel.id, message.id, 0))
            raise
        if before is not None:
            await _delete(interaction, before)
        said = tr("panel.posted", channel=channel.mention)
        await respond(interaction, layout.note(said, colour=layout.GOOD))

    async def subscribe(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Subscribe: show the plans to this member alone, with their payment links."""
        await defer(interaction)
        await show_sale(interaction)

    async def mine(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button My subscriptions: show this member's own, to them alone."""
        await defer(interaction)
        await show_subscriptions(interaction)


def _require_writable(interaction: Interaction, channel: discord.TextChannel) -> None:
    """Raise NotAllowed unless both the bot and this admin may post in the channel."""
    admin = interaction.user
    if not can_write(channel):
        raise NotAllowed(Text("error.panel_channel_closed", channel=channel.mention))
    if isinstance(admin, discord.Member):
        allowed = channel.permissions_for(admin)
        if not (allowed.view_channel and allowed.send_messages):
            raise NotAllowed(Text("error.panel_not_your_channel", channel=channel.mention))


async def _delete(interaction: Interaction, panel: Panel) -> None:
    """Delete a card's message. A message that cannot be deleted stays; its buttons still work."""
    channel = interaction.client.get_partial_messageable(panel.channel_id, guild_id=panel.guild_id)
    with suppress(*FAULTS):
        await channel.get_partial_message(panel.message_id).delete()
