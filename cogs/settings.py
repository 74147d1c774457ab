"""Implements /settings: a card with the server's settings, and a form for each subject."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import Conflict
from billing.model import GuildSettings
from billing.model.sales_news import NewsKind
from billing.use_cases.guild_settings import SettingsUpdate, edit_settings
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, require_admin, respond
from cogs.core.role_permissions import can_write
from cogs.translator import described
from cogs.views import layout
from cogs.views.settings import FORMS, settings_card
from i18n import tr


class SettingsCog(commands.Cog):
    """Shows the settings, opens the form of a subject, and records what was entered."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"settings": self.chosen, "settingsform": self.entered}

    @app_commands.command(description=described("description.settings"))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def settings(self, interaction: Interaction) -> None:
        """Show this server's settings, with a menu of the subjects."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        saved = await interaction.client.ports.ledger.load_guild_settings(guild_id)
        await respond(interaction, show_settings(interaction, saved))

    async def chosen(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the menu: open the form of the chosen subject."""
        guild_id = await require_admin(interaction, interaction.guild_id)
        if pressed.chosen not in FORMS:
            raise Conflict(tr("error.outdated_button"))
        saved = await interaction.client.ports.ledger.load_guild_settings(guild_id)
        title, fields = FORMS[pressed.chosen](saved)
        form = layout.form(title, "settingsform", interaction.user.id, *fields)
        await interaction.response.send_modal(form)

    async def entered(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle a submitted form: record its fields and show the settings again."""
        await defer(interaction, replace=True)
        guild_id = await require_admin(interaction, interaction.guild_id)
        if not pressed.fields:
            raise Conflict(tr("error.outdated_button"))
        ports, update = interaction.client.ports, _update(pressed)
        channel = interaction.guild.get_channel(update.notice_channel_id or 0) if interaction.guild else None
        if update.notice_channel_id and not isinstance(channel, discord.TextChannel):
            raise Conflict(tr("error.outdated_button"))
        saved = await edit_settings(ports, guild_id, update, interaction.user.id)
        await respond(interaction, show_settings(interaction, saved))


def show_settings(interaction: Interaction, saved: GuildSettings) -> layout.Card:
    """Return the card, with a warning if the bot can't post in the notice channel."""
    channel = interaction.guild.get_channel(saved.notice_channel_id or 0) if interaction.guild else None
    writable = isinstance(channel, discord.TextChannel) and can_write(channel)
    closed = saved.notice_channel_id is not None and not writable
    return settings_card(saved, interaction.user.id, closed=closed)


def _update(pressed: ComponentPress) -> SettingsUpdate:
    """Return the changes of a submitted form. A field that the form does not have keeps its setting."""
    fields = pressed.fields
    channel, news, switching = fields.get("channel"), fields.get("news"), fields.get("switching")
    return SettingsUpdate(
        notice_channel_id=None if channel is None else parse_id("".join(channel) or "0"),
        terms_url=_typed(fields.get("terms")),
        privacy_url=_typed(fields.get("privacy")),
        plan_switching=None if switching is None else switching == ("on",),
        sales_news=None if news is None else tuple(kind for kind in NewsKind if kind in news),
    )


def _typed(values: tuple[str, ...] | None) -> str | None:
    return None if values is None else "".join(values[:1])
