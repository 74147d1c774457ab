"""The admins' decision about a brake that is on: two buttons, in the notice and below /doctor."""

from __future__ import annotations

from discord.ext import commands

from billing.rules.brake import RELEASED
from billing.use_cases.release_brake import keep, release
from cogs.core.base import Interaction
from cogs.core.components import Action, Pressed, number
from cogs.core.interactions import answer, require_admin, think
from cogs.views import layout
from cogs.views.text import moment


class Brakes(commands.Cog):
    """Take the roles, or keep them for now."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"braketake": self.taken, "brakekeep": self.kept}

    async def taken(self, interaction: Interaction, pressed: Pressed) -> None:
        """The danger button."""
        guild_id, asked_at = await _question(interaction, pressed)
        ports = interaction.client.ports
        waiting = await release(ports, guild_id, asked_at, interaction.user.id)
        said = (
            f"### The roles go now\nOf {_members(waiting)}; others that are to go follow unasked until "
            f"{moment(ports.now() + RELEASED)}. Who pays again gets them back by itself."
        )
        await answer(interaction, layout.note(said, colour=layout.WARN))

    async def kept(self, interaction: Interaction, pressed: Pressed) -> None:
        """The other button."""
        guild_id, asked_at = await _question(interaction, pressed)
        again = await keep(interaction.client.ports, guild_id, asked_at, interaction.user.id)
        said = f"### The roles stay for now\nIf it is still open, you are asked again after {moment(again)}."
        await answer(interaction, layout.note(said, colour=layout.GOOD))


async def _question(interaction: Interaction, pressed: Pressed) -> tuple[int, int]:
    """The server, which the caller may manage, and the question that the button stands below."""
    await think(interaction)
    guild, _, asked_at = pressed.rest.partition(":")
    return await require_admin(interaction, number(guild)), number(asked_at)


def _members(number: int) -> str:
    return "one member" if number == 1 else f"{number} members"
