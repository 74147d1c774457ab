"""Implements /members: links subscriptions without a known member to their members."""

from __future__ import annotations

import logging
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands
from discord.ui import Item

from billing.errors import Conflict, DuesError, NotFound, ProviderNotFound
from billing.model import Binding, BoundBy, Plan, SubscriptionKey
from billing.model.translatable_text import Text
from billing.use_cases.link_member import (
    NOT_HERE,
    Ask,
    find_linkable,
    had_mask,
    link,
    load_linkable,
    open_page,
    unlink,
)
from cogs.autocomplete import Choice, matching, suggest_all_plans
from cogs.core.bot_interface import Interaction
from cogs.core.components import ID_LIMIT, Action, ComponentPress, parse_id
from cogs.core.interactions import defer, locale_of, require_admin, respond
from cogs.core.role_permissions import is_owner, require_plan_sellable
from cogs.core.subscription_keys import key_text, parse_key
from cogs.member_import import apply, show_preview, undo
from cogs.member_list import STATES, find_filter, list_card, send_export, turn_page
from cogs.translator import described
from cogs.views import layout
from cogs.views.charges import price_words
from cogs.views.reader import Audience
from cogs.views.text import escaped
from i18n import tr

log = logging.getLogger(__name__)


async def suggest_nobodys(interaction: Interaction, typed: str) -> list[Choice]:
    """Suggest this server's subscriptions without a known member, to callers who may link them."""
    ports = interaction.client.ports
    try:
        guild_id = await require_admin(interaction, interaction.guild_id)
        owner = await is_owner(interaction)
        found = await load_linkable(ports, guild_id, owner=owner)
    except DuesError as error:
        log.info("no suggestions: %s", error)
        return []
    locale = locale_of(interaction)
    labels = [f"{s.key.id} · {price_words(s.price, locale)} · {s.customer_id}" for s in found]
    return matching(zip(labels, (key_text(s.key) for s in found), strict=True), typed)


_CHOICES = [app_commands.Choice(name=described(code), value=str(state)) for state, code in STATES.items()]


@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.default_permissions(manage_guild=True)
class Members(commands.GroupCog, group_name="members", group_description=described("description.members")):
    """Links a subscription to a member, and can undo that."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {
            "linkthis": self.accepted,
            "unlink": self.undone,
            "theypay": self.opened,
            "mlist": turn_page,
            "impapply": apply,
            "impundo": undo,
        }

    @app_commands.command(name="list", description=described("description.members.list"))
    @app_commands.describe(plan=described("option.members.plan"), state=described("option.members.state"))
    @app_commands.choices(state=_CHOICES)
    @app_commands.autocomplete(plan=suggest_all_plans)
    async def list_all(self, interaction: Interaction, plan: str | None = None, state: str = "") -> None:
        """Show who pays, page by page."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        wanted = await find_filter(interaction, guild_id, plan, state)
        await respond(interaction, await list_card(interaction, guild_id, wanted, 0))

    @app_commands.command(description=described("description.members.export"))
    @app_commands.describe(plan=described("option.members.plan"), state=described("option.members.state"))
    @app_commands.choices(state=_CHOICES)
    @app_commands.autocomplete(plan=suggest_all_plans)
    async def export(self, interaction: Interaction, plan: str | None = None, state: str = "") -> None:
        """Answer with a CSV file of who pays."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        await send_export(interaction, guild_id, await find_filter(interaction, guild_id, plan, state))

    @app_commands.command(name="import", description=described("description.members.import"))
    @app_commands.describe(file=described("option.members.file"))
    async def import_file(self, interaction: Interaction, file: discord.Attachment | None = None) -> None:
        """Show what importing a list of subscriptions would do; a button applies it."""
        await defer(interaction)
        await show_preview(interaction, await require_admin(interaction, interaction.guild_id), file)

    @app_commands.command(description=described("description.members.link"))
    @app_commands.describe(
        member=described("option.members.member"), subscription=described("option.members.subscription")
    )
    @app_commands.autocomplete(subscription=suggest_nobodys)
    async def link(
        self,
        interaction: Interaction,
        member: discord.User,
        subscription: app_commands.Range[str, 1, 300],
    ) -> None:
        """Link a subscription to a member, who then gets its roles."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        if member.bot:
            raise Conflict(Text("error.bot_pays_nothing"))
        key = await _find_key(interaction, subscription)
        await _link(interaction, await _asked(interaction, guild_id, member.id, key))

    async def accepted(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the button of a notice: link the subscription to the member that the notice proposed."""
        await defer(interaction)
        guild, member, key = [*pressed.rest.split(":", 2), "", ""][:3]
        guild_id = await require_admin(interaction, parse_id(guild))
        ask = await _asked(interaction, guild_id, parse_id(member), _key_of(key), proposed=True)
        await _link(interaction, ask)

    async def undone(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle the Undo button below a link: the member loses the roles that it gave."""
        await defer(interaction)
        guild, had, key = [*pressed.rest.split(":", 2), "", ""][:3]
        guild_id = await require_admin(interaction, parse_id(guild))
        ports, by = interaction.client.ports, interaction.user.id
        whose = await unlink(ports, guild_id, _key_of(key), by, parse_id(had))
        said = tr("members.undone", member=f"<@{whose.member_id}>")
        await respond(interaction, layout.note(said))

    async def opened(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Handle a notice's button: record that the application's owner confirms the member as the payer."""
        await defer(interaction)
        guild, _, key = pressed.rest.partition(":")
        guild_id = await require_admin(interaction, parse_id(guild))
        whose = await open_page(
            interaction.client.ports,
            guild_id,
            _key_of(key),
            interaction.user.id,
            owner=await is_owner(interaction),
        )
        said = tr("members.confirmed", member=f"<@{whose.member_id}>")
        await respond(interaction, layout.note(said, colour=layout.GOOD))


def _key_of(text: str) -> SubscriptionKey:
    key = parse_key(text)
    if key is None:
        raise NotFound(NOT_HERE)
    return key


async def _find_key(interaction: Interaction, text: str) -> SubscriptionKey:
    """Find a subscription by a suggestion's key or by its id. Raises NotFound if nobody knows it.

    The ledger is searched first, then each provider.
    """
    ports, typed = interaction.client.ports, text.strip()
    key = parse_key(typed)
    if key is not None:
        return key
    for provider in ports.providers.values():
        key = SubscriptionKey(provider.name, provider.account, typed)
        if await ports.ledger.load_subscription(key) is not None:
            return key
        try:
            await provider.fetch_subscription(typed)
        except ProviderNotFound:
            continue
        return key
    raise NotFound(NOT_HERE)


async def _asked(
    interaction: Interaction, guild_id: int, member_id: int, key: SubscriptionKey, *, proposed: bool = False
) -> Ask:
    owner = await is_owner(interaction)
    return Ask(guild_id, member_id, key, interaction.user.id, owner=owner, proposed=proposed)


async def _link(interaction: Interaction, ask: Ask) -> None:
    ports = interaction.client.ports
    known = await ports.ledger.load_subscription(ask.key)
    member, whose = f"<@{ask.member_id}>", Binding(ask.guild_id, ask.member_id)
    if ask.owner and known and known.binding == whose and known.bound_by is BoundBy.ADMIN:
        said = f"{tr('members.linked_already', member=member)} {tr('members.page_closed', member=member)}"
        row = layout.row(_pays_button(ask))
        await respond(interaction, layout.note(said, row))
        return
    subscription, plans = await find_linkable(ports, ask)
    for plan in plans:
        _require_sellable(interaction, ask.guild_id, plan)
    made = await link(ports, ask, subscription, plans)
    audience = Audience(interaction.client, ask.guild_id, locale_of(interaction))
    names = " + ".join(escaped(plan.name) for plan in plans)
    roles = audience.roles(ask.guild_id, list(dict.fromkeys(r for plan in plans for r in plan.role_ids)))
    linked = tr("members.linked", plans=names, member=member, subscription=ask.key.id, roles=roles)
    said = f"{linked} {tr('members.page_closed', member=member)}"
    if made.had:
        had = audience.roles(ask.guild_id, made.had)
        said += "\n" + tr("members.had_roles", roles=had)
    undo = f"{ask.guild_id}:{had_mask(made)}:{key_text(ask.key)}"
    row = layout.row(
        layout.button(tr("button.undo"), "unlink", 0, undo) if _fits("unlink", undo) else None,
        _pays_button(ask) if ask.owner else None,
    )
    await respond(interaction, layout.note(said, row, colour=layout.GOOD))


def _require_sellable(interaction: Interaction, guild_id: int, plan: Plan) -> None:
    """Refuse a caller who may not give away the roles of the plan, because a link gives them.

    Outside of the server only its owner is allowed, because a member's permissions are not known there.
    """
    if interaction.guild_id == guild_id:
        require_plan_sellable(interaction, plan)
        return
    guild = interaction.client.find_guild(guild_id)
    if guild.owner_id != interaction.user.id:
        raise Conflict(Text("error.link_in_the_server"))


def _pays_button(ask: Ask) -> Item[Any] | None:
    rest = f"{ask.guild_id}:{key_text(ask.key)}"
    return layout.button(tr("button.they_pay"), "theypay", 0, rest) if _fits("theypay", rest) else None


def _fits(action: str, rest: str) -> bool:
    return len(f"dues:{action}:0:{rest}") <= ID_LIMIT
