"""The admins' decision about a brake that is on: two buttons, in the notice and below /doctor."""

from __future__ import annotations

from discord.ext import commands

from billing.rules.brake import RELEASED
from billing.use_cases.release_brake import keep_braked_roles, release_brake
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, require_admin, respond
from cogs.views import layout
from cogs.views.text import moment


class Brakes(commands.Cog):
    """Take the roles, or keep them for now."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"braketake": self.taken, "brakekeep": self.kept}

    async def taken(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The danger button."""
        guild_id, asked_at = await _question(interaction, pressed)
        ports = interaction.client.ports
        waiting = await release_brake(ports, guild_id, asked_at, interaction.user.id)
        said = (
            f"### The roles go now\nOf {_members(waiting)}; others that are to go follow unasked until "
            f"{moment(ports.now() + RELEASED)}. Who pays again gets them back by itself."
        )
        await respond(interaction, layout.note(said, colour=layout.WARN))

    async def kept(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """The other button."""
        guild_id, asked_at = await _question(interaction, pressed)
        again = await keep_braked_roles(interaction.client.ports, guild_id, asked_at, interaction.user.id)
        said = f"### The roles stay for now\nIf it is still open, you are asked again after {moment(again)}."
        await respond(interaction, layout.note(said, colour=layout.GOOD))


async def _question(interaction: Interaction, pressed: ComponentPress) -> tuple[int, int]:
    """The server, which the caller may manage, and the question that the button stands below."""
    await defer(interaction)
    guild, _, asked_at = pressed.rest.partition(":")
    return await require_admin(interaction, parse_id(guild)), parse_id(asked_at)


def _members(number: int) -> str:
    return "one member" if number == 1 else f"{number} members"
