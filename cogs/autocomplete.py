"""Autocomplete for the options `plan` and `subscription`, and the look-up of what the caller chose.

The value of a suggestion is a key of the ledger. Any other text is matched with names that the caller may
see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from discord import app_commands

from billing.errors import DiscordError, DuesError, MemberGone, NotFound
from billing.model import Plan, Subscription
from billing.ports import Ports
from billing.rules.access import plans_of
from billing.use_cases.plans import load_plan_of
from billing.use_cases.selling_servers import every_seller
from billing.use_cases.subscribe import load_sale
from cogs.core.bot_interface import Interaction
from cogs.core.interactions import locale_of, require_admin
from cogs.core.subscription_keys import parse_key
from cogs.views.reader import Audience
from cogs.views.subscription import load_views, option_of
from cogs.views.text import plain
from i18n import tr

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

log = logging.getLogger(__name__)

Choice = app_commands.Choice[str]

SUGGESTED = 25
SERVERS_ASKED = 20
SERVERS_PATIENCE = 2.0  # seconds; Discord waits three for suggestions
MEMBERSHIP_FRESH = 60  # seconds
MEMBERSHIPS_KEPT = 10_000
PLAN = "plan:"


def matching(choices: Iterable[tuple[str, str]], typed: str) -> list[Choice]:
    """Return the (label, value) pairs whose label contains the typed text, at most 25."""
    wanted = typed.casefold().strip()
    fitting = (
        Choice(name=plain(label) or value, value=value)
        for label, value in choices
        if wanted in label.casefold()
    )
    return [choice for choice, _ in zip(fitting, range(SUGGESTED), strict=False)]


async def suggest_sale(interaction: Interaction, typed: str) -> list[Choice]:
    """Suggest the plans on sale in this server; in a DM, those of all servers shared with the bot."""
    try:
        plans = await on_sale(interaction)
    except DuesError as error:
        log.info("no suggestions: %s", error)
        return []
    audience = Audience(interaction.client, interaction.guild_id)
    labels = [
        plan.name
        if plan.guild_id == interaction.guild_id
        else f"{plan.name} — {audience.server(plan.guild_id)}"
        for plan in plans
    ]
    return matching(zip(labels, (f"{PLAN}{p.id}" for p in plans), strict=True), typed)


async def on_sale(interaction: Interaction) -> list[Plan]:
    """Return the plans on sale in this server; in a DM, those of all servers shared with the bot."""
    ports = interaction.client.ports
    here = interaction.client.get_guild(interaction.guild_id or 0)
    if here is not None:
        return await load_sale(ports, here.id)
    found = []
    for guild_id in await shared_servers(interaction):
        found += await load_sale(ports, guild_id)
    return found


async def shared_servers(interaction: Interaction) -> list[int]:
    """Return the ids of the servers that sell plans and that Discord says the caller is a member of.

    Servers for which Discord does not answer in time are left out.
    """
    client, ports = interaction.client, interaction.client.ports
    theirs = {
        s.binding.guild_id for s in await ports.ledger.load_subscriptions_of(interaction.user.id) if s.binding
    }
    asked = [g for g in sorted(theirs) if client.may_be_in(g) and await ports.ledger.load_plans(g)]
    async for guild_id in every_seller(ports.ledger, removed=False):
        if len(asked) >= SERVERS_ASKED:
            break
        if guild_id not in theirs and client.may_be_in(guild_id):
            asked.append(guild_id)
    asked = asked[:SERVERS_ASKED]
    tasks = [asyncio.create_task(_is_member(client, g, interaction.user.id)) for g in asked]
    if tasks:
        await asyncio.wait(tasks, timeout=SERVERS_PATIENCE)
    there = []
    for guild_id, task in zip(asked, tasks, strict=True):
        if not task.done():
            task.cancel()
        elif task.result():
            there.append(guild_id)
    return there


async def _is_member(client: BaseBot, guild_id: int, user_id: int) -> bool:
    """Return True if the user is a member of the server.

    The result is cached for a minute, because every keystroke in an option asks for it.
    """
    known, until = client.memberships.get((guild_id, user_id), (False, 0.0))
    if client.ports.clock.now() < until:
        return known
    try:
        await client.ports.roles.fetch_member(guild_id, user_id)
    except MemberGone:
        known = False
    except DiscordError:
        return False
    else:
        known = True
    if len(client.memberships) >= MEMBERSHIPS_KEPT:
        client.memberships.clear()
    client.memberships[guild_id, user_id] = (known, client.ports.clock.now() + MEMBERSHIP_FRESH)
    return known


async def find_plan(interaction: Interaction, text: str) -> Plan:
    """Return the plan that a member chose, by its key or name. Raises NotFound if there is no such plan.

    A hidden plan is found only by its whole name, because a key can be guessed.
    """
    ports = interaction.client.ports
    here = interaction.client.get_guild(interaction.guild_id or 0)
    servers = [here.id] if here is not None else await shared_servers(interaction)
    plans = [p for g in servers for p in await ports.ledger.load_plans(g)]
    return _meant(
        [p for p in plans if not (p.hidden and text == f"{PLAN}{p.id}")], text, "error.no_such_plan"
    )


async def find_offered(interaction: Interaction, guild_id: int, plan_id: int) -> Plan:
    """Return the plan that a button names. Raises NotFound if the caller may not see it.

    The ids in a button can be guessed. Therefore only members of the server find its plans, and only people
    who pay or have paid for a hidden plan find that plan.
    """
    ports, who = interaction.client.ports, interaction.user.id
    plan = await load_plan_of(ports, guild_id, plan_id)
    try:
        if interaction.guild_id != guild_id:
            await ports.roles.fetch_member(guild_id, who)
    except MemberGone:
        raise NotFound(tr("error.no_such_plan")) from None
    own = await ports.ledger.load_subscriptions_of(who) if plan.hidden else []
    if plan.hidden and not any(plans_of(s, [plan]) for s in own):
        raise NotFound(tr("error.no_such_plan"))
    return plan


def _meant(plans: Sequence[Plan], text: str, unknown: str) -> Plan:
    """Return the plan with this key or name.

    Raises NotFound, with the text of code `unknown`, if none or several match.
    """
    by_key = [p for p in plans if text == f"{PLAN}{p.id}"]
    by_name = [p for p in plans if p.name.casefold() == text.casefold().strip()]
    found = by_key or by_name
    if len(found) > 1:
        raise NotFound(tr("error.several_plans"))
    if not found:
        raise NotFound(tr(unknown))
    return found[0]


async def suggest_plans(interaction: Interaction, typed: str) -> list[Choice]:
    """Suggest the server's plans to its admins, except removed ones."""
    return await _suggest_for_admin(interaction, typed, removed=False)


async def suggest_all_plans(interaction: Interaction, typed: str) -> list[Choice]:
    """Suggest the server's plans to its admins, including removed ones, for which members may still pay."""
    return await _suggest_for_admin(interaction, typed, removed=True)


async def _suggest_for_admin(interaction: Interaction, typed: str, *, removed: bool) -> list[Choice]:
    try:
        guild_id = await require_admin(interaction, interaction.guild_id)
        plans = await interaction.client.ports.ledger.load_plans(guild_id, removed=removed)
    except DuesError as error:
        log.info("no suggestions: %s", error)
        return []
    plans.sort(key=lambda plan: plan.removed_at is not None)
    labels = [p.name if p.removed_at is None else tr("choice.removed_plan", plan=p.name) for p in plans]
    return matching(zip(labels, (f"{PLAN}{p.id}" for p in plans), strict=True), typed)


async def find_admin_plan(ports: Ports, guild_id: int, text: str, *, removed: bool = False) -> Plan:
    """Return the plan of this server that the admin chose."""
    plans = await ports.ledger.load_plans(guild_id, removed=removed)
    kept = [p for p in plans if p.removed_at is None]
    plan = _meant(_preferred(plans, kept, text), text, "error.no_such_plan_for_admin")
    return plan if removed else await load_plan_of(ports, guild_id, plan.id)


def _preferred(plans: list[Plan], kept: list[Plan], text: str) -> list[Plan]:
    """Return only the plans on sale if any match: a removed plan may have the same name as one of them."""
    named = [p for p in kept if p.name.casefold() == text.casefold().strip()]
    return named or plans


async def suggest_own(interaction: Interaction, typed: str) -> list[Choice]:
    """Suggest the caller's own subscriptions, at every server and provider."""
    ports = interaction.client.ports
    try:
        own = await ports.ledger.load_subscriptions_of(interaction.user.id)
        shown = await load_views(ports, own)
    except DuesError as error:
        log.info("no suggestions: %s", error)
        return []
    audience = Audience(interaction.client, interaction.guild_id, locale_of(interaction))
    options = (option_of(s, audience) for s in shown)
    return matching(((f"{label} · {price}", value) for label, value, price in options), typed)


async def find_own(ports: Ports, member_id: int, text: str) -> Subscription:
    """Return the caller's own subscription with that key, id or plan name.

    Raises NotFound if none or several match.
    """
    own = await ports.ledger.load_subscriptions_of(member_id)
    key, wanted = parse_key(text), text.casefold().strip()
    exact = [s for s in own if s.key == key or s.key.id == text.strip()]
    if exact:
        return exact[0]
    named = [s for s in await load_views(ports, own) if s.name.casefold() == wanted]
    alive = [s for s in named if s.right is not None] or named
    if len(alive) > 1:
        raise NotFound(tr("error.several_subscriptions"))
    if not alive:
        raise NotFound(tr("error.no_such_subscription"))
    return alive[0].subscription
