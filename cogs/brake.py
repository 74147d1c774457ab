"""The admins' decision about a brake that is on: two buttons, in the notice and below /doctor."""

from __future__ import annotations

from discord.ext import commands

from billing.ports import Ports
from billing.rules.brake import RELEASED, Brake, allowed
from billing.use_cases.release_brake import keep, release
from cogs.core.components import Action, Pressed, number
from cogs.core.interactions import Interaction, answer, require_admin, think
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


async def brake_card(ports: Ports, guild_id: int) -> layout.Card | None:
    """What is to be decided, as it stands now; None where the brake is off."""
    brake = await ports.ledger.load_brake(guild_id)
    if brake is None:
        return None
    rest = f"{guild_id}:{brake.asked_at}"
    buttons = layout.row(
        layout.button("Take the roles", "braketake", 0, rest, style=layout.Style.danger),
        layout.button("Keep them for now", "brakekeep", 0, rest),
    )
    return layout.note(_text(brake), buttons, colour=layout.WARN)


def _text(brake: Brake) -> str:
    return (
        f"### Roles stay until you decide\n{moment(brake.since)}: within an hour {brake.taken} of "
        f"{brake.holders} members lost roles that were no longer paid for; **{brake.braked} more** would "
        f"follow. More than {allowed(brake.holders)} at once may be a mistake, at the provider or in a plan, "
        "so the bot takes no roles for now. It goes on giving them, and revocations are carried out.\n"
        "Look at the subscriptions in the provider's dashboard. If they have really ended, take the roles; "
        "if not, keep them: whoever turns out to be paying drops out of this by themselves."
    )


def _members(number: int) -> str:
    return "one member" if number == 1 else f"{number} members"
