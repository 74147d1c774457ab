"""/grant: an admin gives a plan without payment, and can take it back."""

from __future__ import annotations

import discord
from discord import app_commands, ui
from discord.ext import commands

from billing.errors import Conflict
from billing.model import Plan
from billing.use_cases.grant import (
    DAYS_LIMIT,
    Grant,
    GrantRequest,
    Held,
    grant,
    load_grant_block,
    take_grant_back,
)
from cogs.autocomplete import find_admin_plan, suggest_plans
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.core.permissions import cannot_give, require_plan_sellable
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.subscription import Audience
from cogs.views.text import day, escaped

REASON_LIMIT = 300


class Grants(commands.Cog):
    """Give a plan at once, and hand the way back."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"ungrant": self.undone}

    @app_commands.command(description="Give a member a plan without payment; can be undone")
    @app_commands.describe(
        member="Who gets it",
        plan="Which plan",
        days="For how many days; left out: for good",
        reason="The member is told this",
    )
    @app_commands.autocomplete(plan=suggest_plans)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def grant(
        self,
        interaction: Interaction,
        member: discord.User,
        plan: str,
        days: app_commands.Range[int, 1, DAYS_LIMIT] | None = None,
        reason: app_commands.Range[str, 1, REASON_LIMIT] | None = None,
    ) -> None:
        """Needs what selling each of the plan's roles needs: it gives them away."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        ports = interaction.client.ports
        chosen = await find_admin_plan(ports, guild_id, plan, removed=True)
        require_plan_sellable(interaction, chosen)
        _require_present(member)
        block = await load_grant_block(ports, guild_id, member.id, chosen)
        if block is not None:
            lift = layout.button("Lift the revocation", "lift", 0, f"{guild_id}:{block.decision_id}")
            said = (
                f"The admins revoked **{escaped(chosen.name)}** for <@{member.id}>, so a grant would give "
                "them nothing. Lift the revocation first, then use /grant again."
            )
            await respond(interaction, layout.note(said, layout.row(lift), colour=layout.WARN))
            return
        order = GrantRequest(guild_id, member.id, chosen, days, (reason or "").strip(), interaction.user.id)
        made = await grant(ports, order)
        place = Audience(interaction.client, guild_id, locale_of(interaction))
        undo = layout.button("Undo", "ungrant", 0, f"{guild_id}:{made.override.decision_id}")
        said = "\n".join([_granted(made, place), *_cannot_give(interaction.guild, chosen)])
        await respond(interaction, layout.note(said, layout.row(undo), colour=layout.GOOD))

    async def undone(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Undo. To take away needs no more than managing the server."""
        await defer(interaction)
        guild, _, decision = pressed.rest.partition(":")
        guild_id = await require_admin(interaction, parse_id(guild))
        ended = await take_grant_back(interaction.client.ports, guild_id, decision, interaction.user.id)
        said = (
            f"### Grant undone\n<@{ended.member_id}> keeps the roles only where something else gives them, "
            "such as a subscription. The member is told."
        )
        await respond(interaction, layout.note(said, colour=layout.GOOD))


def _require_present(member: discord.User | discord.Member) -> None:
    if member.bot:
        raise Conflict("Bots get no plans. Choose a person.")
    if not isinstance(member, discord.Member):
        raise Conflict(f"<@{member.id}> is not in this server, so they can get no roles. Invite them first.")


def _cannot_give(guild: discord.Guild | None, plan: Plan) -> list[str]:
    found = [guild.get_role(role_id) for role_id in plan.role_ids] if guild else []
    faults = [fault for role in found if role is not None for fault in cannot_give(role.guild, role)]
    return [f"**Note:** {fault}" for fault in dict.fromkeys(faults)]


def _granted(made: Grant, place: Audience) -> str:
    one, name = made.override, escaped(made.plan.name)
    until = f"until {day(one.until)}" if one.until else "for good"
    roles = place.roles(made.plan.guild_id, made.plan.role_ids)
    said = [
        f"### {name} granted",
        f"<@{one.member_id}> has {roles} {until}, without payment. The roles come in a moment.",
    ]
    if made.earlier is not None and made.earlier.until is not None:
        said.append(f"They have it until {day(made.earlier.until)} already, by an earlier grant; that stays.")
    if made.pays is not None:
        paid = sums_words(made.pays, place.locale)
        said.append(f"**Note:** they pay for {name} ({paid}), and that goes on. The grant stops no billing.")
    said.append("The member is told, with the reason." if one.reason else "The member is told.")
    return "\n".join(said)


def held_box(held: Held, place: Audience, who: int) -> ui.Container[ui.LayoutView]:
    """The card of a plan that somebody has without a running subscription."""
    plan, until = held.plan, f"until {day(held.until)}" if held.until else "for good"
    if held.paid:
        how = f"Paid {until}. The admins ended the subscription and gave you these days back."
    else:
        how = f"Granted by the admins {until}. It costs you nothing."
    said = [
        f"### {escaped(plan.name, 60)}",
        f"in **{escaped(place.server(plan.guild_id))}**",
        f"Roles: {place.roles(plan.guild_id, plan.role_ids)}",
        how,
    ]
    again = None
    if held.until and plan.prices and not plan.removed_at and (held.paid or not plan.hidden):
        again = layout.button("Subscribe from then", "buy", who, f"{plan.guild_id}:{plan.id}")
    return layout.box("\n".join(said), layout.row(again), colour=layout.GOOD)
