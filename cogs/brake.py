"""The two buttons that answer an active brake: remove the roles, or keep them for now."""

from __future__ import annotations

from discord.ext import commands

from billing.rules.brake import RELEASED
from billing.use_cases.release_brake import keep_braked_roles, release_brake
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, require_admin, respond
from cogs.views import layout
from cogs.views.text import moment
from i18n import tr


class Brakes(commands.Cog):
    """Handles an admin's decision about an active brake."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"braketake": self.taken, "brakekeep": self.kept}

    async def taken(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button "remove the roles": release the brake."""
        guild_id, asked_at = await _question(interaction, pressed)
        ports = interaction.client.ports
        waiting = await release_brake(ports, guild_id, asked_at, interaction.user.id)
        said = tr("brake.released", n=waiting, moment=moment(ports.now() + RELEASED))
        await respond(interaction, layout.note(said, colour=layout.WARN))

    async def kept(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button "keep the roles": the bot asks again later."""
        guild_id, asked_at = await _question(interaction, pressed)
        again = await keep_braked_roles(interaction.client.ports, guild_id, asked_at, interaction.user.id)
        said = tr("brake.kept", moment=moment(again))
        await respond(interaction, layout.note(said, colour=layout.GOOD))


async def _question(interaction: Interaction, pressed: ComponentPress) -> tuple[int, int]:
    """Return the server's id and the time (unix seconds) of the question that the button answers.

    Raises NotAllowed if the caller may not manage that server.
    """
    await defer(interaction)
    guild, _, asked_at = pressed.rest.partition(":")
    return await require_admin(interaction, parse_id(guild)), parse_id(asked_at)
