"""/doctor: what is wrong with the set-up, each with its cure."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from billing.errors import GuildGone, RoleAboveBot, RoleGone, RolesNotPermitted
from billing.model import Finding, GuildSettings, Plan
from billing.use_cases.doctor import diagnose, find_key, fix
from billing.use_cases.new_ledger import answer_new_ledger
from cogs.core.base import Interaction
from cogs.core.components import Action, ComponentPress, parse_id
from cogs.core.interactions import defer, follow_up, locale_of, require_admin, respond
from cogs.core.permissions import can_write, is_owner, powers_of, require_seen
from cogs.translator import described
from cogs.views import layout
from cogs.views.audience import Audience
from cogs.views.brake import brake_card
from cogs.views.layout import Card
from cogs.views.notices import notice_card
from cogs.views.text import discord_words, escaped, reason_words
from cogs.views.unpaid_holders import find_holders

NOTICES = 5  # shown at once
UNTOLD = (
    "### What could not be told you\nNeither a notice channel nor the owner's direct messages took it. Name "
    "a channel with /plans settings notice_channel."
)
ROOM = 3_500  # characters of findings in one message


class Doctor(commands.Cog):
    """Look at everything, say what is wrong, mend what can be mended."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {"newledger": self.answered}

    @app_commands.command(description=described("description.doctor"))
    @app_commands.describe(fix=described("option.doctor.fix"))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def doctor(self, interaction: Interaction, fix: bool = False) -> None:
        """Check; with `fix` mend, and check again."""
        await defer(interaction)
        guild_id = await require_admin(interaction, interaction.guild_id)
        findings = await examine(interaction, guild_id)
        done = await _mend(interaction, guild_id, findings) if fix else []
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
        """An admin says that a new ledger is right."""
        await defer(interaction)
        guild_id = await require_admin(interaction, parse_id(pressed.rest))
        await answer_new_ledger(interaction.client.ports, guild_id, interaction.user.id)
        said = (
            "### The bot goes on with its new ledger\nIts older subscriptions give roles again once you add "
            "their plans with the same prices (`/plans add`)."
        )
        await respond(interaction, layout.note(said, colour=layout.GOOD))


async def _untold(interaction: Interaction, guild_id: int) -> list[Card]:
    """What reached no admin: neither in a channel nor by the owner's direct messages."""
    ports = interaction.client.ports
    notices = await ports.ledger.load_untold_to_admins(guild_id, ports.now(), NOTICES)
    place = Audience(interaction.client, guild_id, locale_of(interaction))
    shown = [await notice_card(ports, n, place) for n in notices if n.kind != "brake"]  # it is asked above
    if not shown:
        return []
    more = " There may be more: type /doctor again." if len(notices) == NOTICES else ""
    return [layout.note(f"{UNTOLD}{more}", colour=layout.WARN), *shown]


async def _mend(interaction: Interaction, guild_id: int, findings: list[Finding]) -> list[str]:
    return await fix(interaction.client.ports, guild_id, findings)


async def examine(interaction: Interaction, guild_id: int) -> list[Finding]:
    """Discord's side first, then what ledger and providers say."""
    ports = interaction.client.ports
    guild = interaction.client.get_guild(guild_id)
    if guild is None:
        raise GuildGone
    require_seen(guild)
    plans = await ports.ledger.load_plans(guild_id, removed=True)
    settings = await ports.ledger.load_guild_settings(guild_id)
    missed = any(RoleGone.user_message in why for _, why in await ports.ledger.load_parked(guild_id))
    found = [
        _manage_roles(guild),
        *_roles(guild, plans, missed=missed),
        _notice_channel(guild, settings),
        _members_intent(interaction.client.intents.members),
        await find_holders(interaction.client, guild, plans),
        find_key(ports.providers, signed=bool(ports.signer)),
    ]
    return [*found, *await diagnose(ports, guild_id, owner=await is_owner(interaction))]


def _manage_roles(guild: discord.Guild) -> Finding:
    ok = guild.me.guild_permissions.manage_roles
    says = (
        "The bot may manage roles." if ok else "The bot lacks Manage Roles, so it can give nobody anything."
    )
    return Finding("Manage Roles", ok, says, RolesNotPermitted.user_message)


def _roles(guild: discord.Guild, plans: list[Plan], *, missed: bool) -> list[Finding]:
    """Each sold role once: there, and below the bot's own. A deleted one of a plan that was removed matters
    while somebody waits for a deleted role (`missed`)."""
    sold = {role_id: plan for plan in reversed(plans) for role_id in plan.role_ids}
    return [
        _role(guild, plan, role_id)
        for role_id, plan in sold.items()
        if missed or plan.removed_at is None or guild.get_role(role_id) is not None
    ]


def _role(guild: discord.Guild, plan: Plan, role_id: int) -> Finding:
    role, name = guild.get_role(role_id), escaped(plan.name)
    if role is None:
        cure = (
            "Use /plans edit: add_role another one, or once more one that it has; the deleted one leaves the "
            "plan with it."
        )
        if plan.removed_at is not None:
            cure += " It is no longer on sale, but may be paid for still; /revoke would end that instead."
        return Finding("role", False, f"A role of {name} (`{role_id}`) was deleted.", cure)
    if role >= guild.me.top_role:
        return Finding(
            "role", False, f"{role.mention} of {name} stands above the bot's role.", RoleAboveBot.user_message
        )
    power = ", ".join(powers_of(role))
    return Finding(
        "role", True, f"{role.mention} of {name} can be given." + (f" It permits {power}." if power else "")
    )


def _notice_channel(guild: discord.Guild, settings: GuildSettings) -> Finding:
    if settings.notice_channel_id is None:
        return Finding(
            "notices", True, "Notices to admins go to the owner's DMs; /plans settings names a channel."
        )
    channel = guild.get_channel(settings.notice_channel_id)
    if not isinstance(channel, discord.TextChannel):
        cure = "Choose another one with /plans settings notice_channel. Until then the owner is told by DM."
        return Finding("notices", False, "The notice channel is gone.", cure)
    if not can_write(channel):
        cure = "Allow the bot View Channel and Send Messages there. Until then the owner is told by DM."
        return Finding("notices", False, f"The bot may not write in {channel.mention}.", cure)
    return Finding("notices", True, f"Notices to admins go to {channel.mention}.")


def _members_intent(on: bool) -> Finding:
    if on:
        return Finding(
            "rejoins", True, "Members who come back get their roles at once (members intent is on)."
        )
    says = (
        "Members who come back get their roles with their next command or the next sweep; the Server Members "
        "Intent in Discord's developer portal makes it at once."
    )
    return Finding("members intent", True, says)


def report(findings: list[Finding], done: list[str], *, asked: bool) -> list[Card]:
    """What is wrong first, each with its cure; what is right below."""
    wrong = [f for f in findings if not f.ok]
    lines = [f"- {line}" for line in done]
    if asked and wrong and not done:
        lines.append("Nothing here could be mended by the bot itself.")
    lines += [_wrong(f) for f in wrong]
    lines += [f"{'ℹ️' if f.note else '✅'} {_says(f)}" for f in findings if f.ok]
    if wrong and not asked and any(f.fix for f in wrong):
        lines.append("`/doctor fix:True` mends what is marked so.")
    head = "### All is well" if not wrong else f"### {len(wrong)} to mend"
    texts = _blocks([head, *lines])
    return [layout.note(text, colour=layout.BAD if wrong else layout.GOOD) for text in texts]


def _wrong(finding: Finding) -> str:
    own = " *(the bot can mend this: fix)*" if finding.fix else ""
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
