"""Implements /stats: a server's numbers, for its admins."""

from __future__ import annotations

from discord import app_commands
from discord.ext import commands

from billing.use_cases.stats import load_stats
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.translator import described
from cogs.views import layout
from cogs.views.stats import stats_text

MOST_DAYS = 366


class StatsCog(commands.Cog):
    """Shows numbers with text bars."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {}

    @app_commands.command(description=described("description.stats"))
    @app_commands.describe(days=described("option.stats.days"))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def stats(self, interaction: Interaction, days: app_commands.Range[int, 1, MOST_DAYS] = 30) -> None:
        """Show the subscriptions of now, and the movements of the last days."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        found = await load_stats(interaction.client.ports, guild_id, days)
        await respond(interaction, layout.note(stats_text(found, days, locale_of(interaction))))
