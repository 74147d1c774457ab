"""Implements /doctor: lists what is wrong with the setup, and how to fix it."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import RoleAboveBot, RoleGone, RolesNotPermitted
from billing.model import Finding, GuildSettings, Plan
from billing.model.translatable_text import Text
from billing.use_cases.doctor import diagnose, find_key, fix
from billing.use_cases.new_ledger import answer_new_ledger
from billing.use_cases.parked_members import every_parked
from cogs.core.bot_interface import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, follow_up, locale_of, require_admin, respond
from cogs.core.paywall import find_leaks, read_permissions
from cogs.core.role_permissions import can_write, is_owner, power_names, powers_of, require_seen
from cogs.translator import described
from cogs.views import layout
from cogs.views.brake import brake_card
from cogs.views.layout import Card
from cogs.views.notices import notice_card
from cogs.views.paywall import leak_findings
from cogs.views.reader import Audience
from cogs.views.text import discord_words, escaped, reason_words
from cogs.views.unpaid_holders import find_holders
from i18n import tr

NOTICES = 5  # shown in one message
ROOM = 3_500  # characters of findings in one message


class Doctor(commands.Cog):
    """Checks the setup, reports what is wrong, and fixes what the bot can fix."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"newledger": self.answered}

    @app_commands.command(description=described("description.doctor"))
    @app_commands.describe(fix=described("option.doctor.fix"))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def doctor(self, interaction: Interaction, fix: bool = False) -> None:
        """Check the setup; with `fix`, fix what the bot can fix and check again."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        findings = await examine(interaction, guild_id)
        done = await _fix(interaction, guild_id, findings) if fix else []
        if done:
            findings = await examine(interaction, guild_id)
        first, *more = report(findings, done, asked=fix)
        await respond(interaction, first)
        for card in more:
            await follow_up(interaction, card)
        question = await brake_card(interaction.client.ports, guild_id)
        if question is not None:
            await follow_up(interaction, question)
        for card in await _untold(interaction, guild_id):
            await follow_up(interaction, card)

    async def answered(self, interaction: Interaction, pressed: ComponentPress) -> None:
        """Record an admin's confirmation that the records in a new ledger are complete."""
        await defer(interaction)
        guild_id = await require_admin(interaction, parse_id(pressed.rest))
        await answer_new_ledger(interaction.client.ports, guild_id, interaction.user.id)
        await respond(interaction, layout.note(tr("doctor.new_ledger"), colour=layout.GOOD))


async def _untold(interaction: Interaction, guild_id: int) -> list[Card]:
    """Return cards of the notices that no admin received, neither in a channel nor by a DM to the owner."""
    ports = interaction.client.ports
    notices = await ports.ledger.load_untold_to_admins(guild_id, ports.now(), NOTICES)
    audience = Audience(interaction.client, guild_id, locale_of(interaction))
    shown = [
        await notice_card(ports, n, audience) for n in notices if n.body.kind != "brake"
    ]  # the card above already asks about it
    if not shown:
        return []
    more = " " + tr("doctor.untold_more") if len(notices) == NOTICES else ""
    return [layout.note(tr("doctor.untold") + more, colour=layout.WARN), *shown]


async def _fix(interaction: Interaction, guild_id: int, findings: list[Finding]) -> list[Text]:
    return await fix(interaction.client.ports, guild_id, findings)


async def examine(interaction: Interaction, guild_id: int) -> list[Finding]:
    """Return all findings: about Discord first, then about the ledger and the providers."""
    ports = interaction.client.ports
    guild = interaction.client.find_guild(guild_id)
    require_seen(guild)
    plans = await ports.ledger.load_plans(guild_id, removed=True)
    settings = await ports.ledger.load_guild_settings(guild_id)
    parked = [why async for _, why in every_parked(ports.ledger, guild_id) if RoleGone.user_message in why]
    found = [
        *_gateway(interaction.client.why_offline()),
        _manage_roles(guild),
        *_roles(guild, plans, missed=bool(parked)),
        _notice_channel(guild, settings),
        _members_intent(interaction.client.intents.members),
        await find_holders(interaction.client, guild, plans),
        find_key(ports.providers, signed=bool(ports.signer)),
        *_paywall(guild, plans, interaction.user),
    ]
    return [*found, *await diagnose(ports, guild_id, owner=await is_owner(interaction))]


def _paywall(guild: discord.Guild, plans: list[Plan], reader: discord.User | discord.Member) -> list[Finding]:
    """Return findings about channels and the roles that open them; none while nothing is sold."""
    sold = {role_id for plan in plans if plan.removed_at is None for role_id in plan.role_ids}
    if not sold or not isinstance(reader, discord.Member):
        return []
    channels = [c for c in guild.channels if not isinstance(c, discord.CategoryChannel)]
    visible = frozenset(c.id for c in channels if c.permissions_for(reader).view_channel)
    server = read_permissions(guild)
    return leak_findings(find_leaks(server, sold), visible, len(channels) - len(server.channels))


def _gateway(fault: str | None) -> list[Finding]:
    """Return a finding while the connection for some other servers is down."""
    what = tr("doctor.label.gateway")
    return [] if fault is None else [Finding(what, False, fault, tr("doctor.gateway_cure"))]


def _manage_roles(guild: discord.Guild) -> Finding:
    ok = guild.me.guild_permissions.manage_roles
    said = tr("doctor.can_manage_roles") if ok else tr("doctor.lacks_manage_roles")
    return Finding(tr("permission.manage_roles"), ok, said, RolesNotPermitted.user_message)


def _roles(guild: discord.Guild, plans: list[Plan], *, missed: bool) -> list[Finding]:
    """Return a finding for each sold role: it has to exist and be below the bot's own role.

    A deleted role of a removed plan is reported only if some member still waits for a deleted role
    (`missed`).
    """
    sold = {role_id: plan for plan in reversed(plans) for role_id in plan.role_ids}
    return [
        _role(guild, plan, role_id)
        for role_id, plan in sold.items()
        if missed or plan.removed_at is None or guild.get_role(role_id) is not None
    ]


def _role(guild: discord.Guild, plan: Plan, role_id: int) -> Finding:
    role, name, what = guild.get_role(role_id), escaped(plan.name), tr("doctor.label.role")
    if role is None:
        cure = tr("doctor.role_deleted_cure")
        if plan.removed_at is not None:
            cure += " " + tr("doctor.role_deleted_removed")
        return Finding(what, False, tr("doctor.role_deleted", plan=name, role=role_id), cure)
    if role >= guild.me.top_role:
        said = tr("doctor.role_above", role=role.mention, plan=name)
        return Finding(what, False, said, RoleAboveBot.user_message)
    powers, said = powers_of(role), tr("doctor.role_ok", role=role.mention, plan=name)
    if powers:
        said += " " + tr("doctor.role_permits", powers=power_names(powers))
    return Finding(what, True, said)


def _notice_channel(guild: discord.Guild, settings: GuildSettings) -> Finding:
    what = tr("doctor.label.notices")
    if settings.notice_channel_id is None:
        return Finding(what, True, tr("doctor.notices_to_owner"))
    channel = guild.get_channel(settings.notice_channel_id)
    if not isinstance(channel, discord.TextChannel):
        return Finding(what, False, tr("doctor.channel_gone"), tr("doctor.channel_gone_cure"))
    if not can_write(channel):
        said = tr("doctor.channel_closed", channel=channel.mention)
        return Finding(what, False, said, tr("doctor.channel_closed_cure"))
    return Finding(what, True, tr("doctor.notices_to_channel", channel=channel.mention))


def _members_intent(on: bool) -> Finding:
    if on:
        return Finding(tr("doctor.label.rejoins"), True, tr("doctor.rejoins_at_once"))
    return Finding(tr("doctor.label.members_intent"), True, tr("doctor.rejoins_later"))


def report(findings: list[Finding], done: list[Text], *, asked: bool) -> list[Card]:
    """Return the findings as cards: first the problems, each with its solution, then what is fine.

    `done`: what was fixed. `asked`: whether the caller asked for fixes.
    """
    wrong = [f for f in findings if not f.ok]
    lines = [f"- {discord_words(line)}" for line in done]
    if asked and wrong and not done:
        lines.append(tr("doctor.nothing_to_fix"))
    lines += [_wrong(f) for f in wrong]
    lines += [f"{'ℹ️' if f.note else '✅'} {_says(f)}" for f in findings if f.ok]
    if wrong and not asked and any(f.fix for f in wrong):
        lines.append(tr("doctor.use_fix"))
    head = tr("doctor.problems", n=len(wrong)) if wrong else tr("doctor.all_well")
    texts = _blocks([head, *lines])
    return [layout.note(text, colour=layout.BAD if wrong else layout.GOOD) for text in texts]


def _wrong(finding: Finding) -> str:
    own = " " + tr("doctor.fixable") if finding.fix else ""
    cure = f"\n-# {discord_words(finding.cure)}" if finding.cure else ""
    return f"❌ {_says(finding)}{own}{cure}"


def _says(finding: Finding) -> str:
    what = reason_words(finding.what)
    return f"**{what[:1].upper()}{what[1:]}**: {discord_words(finding.message)}"


def _blocks(lines: list[str]) -> list[str]:
    blocks = [""]
    for line in lines:
        if len(blocks[-1]) + len(line) + 1 > ROOM:
            blocks.append("")
        blocks[-1] = f"{blocks[-1]}\n{line[:ROOM]}".strip()
    return blocks
