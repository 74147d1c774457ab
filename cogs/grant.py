"""Implements /grant: an admin gives a member a plan without payment, and can undo that."""

from __future__ import annotations

import discord
from discord import app_commands, ui
from discord.ext import commands

from billing.errors import Conflict
from billing.model import Plan
from billing.model.translatable_text import MemberRef, Text
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
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.core.role_permissions import cannot_give, require_plan_sellable
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import sums_words
from cogs.views.reader import Audience
from cogs.views.text import day, discord_words, escaped
from i18n import tr

REASON_LIMIT = 300


class Grants(commands.Cog):
    """Gives a plan immediately, with a button to undo it."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"ungrant": self.undone}

    @app_commands.command(description=described("description.grant"))
    @app_commands.describe(
        member=described("option.grant.member"),
        plan=described("option.plan"),
        days=described("option.grant.days"),
        reason=described("option.reason"),
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
        """Grant the plan to the member.

        The admin must be allowed to sell each of the plan's roles, because a grant gives them away.
        """
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        chosen = await find_admin_plan(interaction.client.ports, guild_id, plan, removed=True)
        _require_present(member)
        why = (reason or "").strip()
        request = GrantRequest(guild_id, member.id, chosen, days, why, interaction.user.id)
        await respond(interaction, await give(interaction, request))

    async def undone(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button Undo below a grant. Removing roles requires only Manage Server."""
        await defer(interaction)
        guild, _, decision = pressed.rest.partition(":")
        guild_id = await require_admin(interaction, parse_id(guild))
        ended = await take_grant_back(interaction.client.ports, guild_id, decision, interaction.user.id)
        said = tr("grant.undone", member=f"<@{ended.member_id}>")
        await respond(interaction, layout.note(said, colour=layout.GOOD))


async def give(interaction: Interaction, request: GrantRequest) -> layout.Card:
    """Grant a plan, and return the card with Undo; if the access is revoked, the card that offers to lift
    that. The caller has checked that the admin manages the server; raises the errors of
    `require_plan_sellable` and `grant`."""
    ports, guild_id, plan = interaction.client.ports, request.guild_id, request.plan
    require_plan_sellable(interaction, plan)
    block = await load_grant_block(ports, guild_id, request.member_id, plan)
    if block is not None:
        lift = layout.button(tr("button.lift_revocation"), "lift", 0, f"{guild_id}:{block.decision_id}")
        said = tr("grant.revoked", plan=escaped(plan.name), member=f"<@{request.member_id}>")
        return layout.note(said, layout.row(lift), colour=layout.WARN)
    made = await grant(ports, request)
    audience = Audience(interaction.client, guild_id, locale_of(interaction))
    undo = layout.button(tr("button.undo"), "ungrant", 0, f"{guild_id}:{made.override.decision_id}")
    said = "\n".join([_granted(made, audience), *_cannot_give(interaction.guild, plan)])
    return layout.note(said, layout.row(undo), colour=layout.GOOD)


def _require_present(member: discord.User | discord.Member) -> None:
    if member.bot:
        raise Conflict(Text("error.no_plan_for_bots"))
    if not isinstance(member, discord.Member):
        raise Conflict(Text("error.not_in_server", member=MemberRef(member.id)))


def _cannot_give(guild: discord.Guild | None, plan: Plan) -> list[str]:
    found = [guild.get_role(role_id) for role_id in plan.role_ids] if guild else []
    faults = [fault for role in found if role is not None for fault in cannot_give(role.guild, role)]
    return [tr("plans.note", text=discord_words(fault)) for fault in dict.fromkeys(faults)]


def _granted(made: Grant, audience: Audience) -> str:
    one, name = made.override, escaped(made.plan.name)
    member, roles = f"<@{one.member_id}>", audience.roles(made.plan.guild_id, made.plan.role_ids)
    said = [
        tr("grant.granted", plan=name),
        tr("grant.until", member=member, roles=roles, day=day(one.until))
        if one.until
        else tr("grant.for_good", member=member, roles=roles),
    ]
    if made.earlier is not None and made.earlier.until is not None:
        said.append(tr("grant.earlier", day=day(made.earlier.until)))
    if made.pays is not None:
        said.append(tr("grant.pays", plan=name, sums=sums_words(made.pays, audience.locale)))
    said.append(tr("grant.member_told_why") if one.reason else tr("grant.member_told"))
    return "\n".join(said)


def held_box(held: Held, audience: Audience, who: int) -> ui.Container[ui.LayoutView]:
    """Return the card of a plan that a member has without an active subscription.

    `who`: the id of the member, the only person who may press its button.
    """
    plan = held.plan
    if held.until is None:
        how = tr("grant.held_for_good")
    elif held.paid:
        how = tr("grant.held_paid", day=day(held.until))
    else:
        how = tr("grant.held_until", day=day(held.until))
    said = [
        f"### {escaped(plan.name, 60)}",
        tr("grant.server", server=escaped(audience.server(plan.guild_id))),
        tr("grant.roles", roles=audience.roles(plan.guild_id, plan.role_ids)),
        how,
    ]
    again = None
    if held.until and plan.prices and not plan.removed_at and (held.paid or not plan.hidden):
        again = layout.button(tr("button.subscribe_from_then"), "buy", who, f"{plan.guild_id}:{plan.id}")
    return layout.box("\n".join(said), layout.row(again), colour=layout.GOOD)
