"""The permissions that a role gives, and the rules about who may sell it or give it away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord

from billing.errors import (
    Conflict,
    DiscordUnavailable,
    GuildGone,
    NotAllowed,
    RoleAboveBot,
    RolesNotPermitted,
)
from billing.model import Plan
from billing.model.translatable_text import Text
from cogs.core.bot_interface import Interaction
from cogs.core.discord_errors import FAULTS, translate
from i18n import tr

if TYPE_CHECKING:
    from cogs.core.bot_interface import BaseBot

ADMINISTRATOR = "permission.administrator"
# Discord, 'Permissions': those that affect the server, other members or their messages, with the code of
# their name, in the order in which an admin should read them. Common permissions such as seeing a channel or
# using emojis are left out.
POWERS = {
    "manage_guild": "permission.manage_guild",
    "manage_roles": "permission.manage_roles",
    "manage_channels": "permission.manage_channels",
    "manage_webhooks": "permission.manage_webhooks",
    "ban_members": "permission.ban_members",
    "kick_members": "permission.kick_members",
    "moderate_members": "permission.moderate_members",
    "manage_messages": "permission.manage_messages",
    "manage_threads": "permission.manage_threads",
    "manage_nicknames": "permission.manage_nicknames",
    "mention_everyone": "permission.mention_everyone",
    "mute_members": "permission.mute_members",
    "deafen_members": "permission.deafen_members",
    "move_members": "permission.move_members",
    "manage_events": "permission.manage_events",
    "manage_expressions": "permission.manage_expressions",
    "view_audit_log": "permission.view_audit_log",
}


def powers_of(role: discord.Role) -> list[str]:
    """Return the codes of those POWERS that the role has and @everyone lacks.

    Permissions from the settings of a channel count too. ADMINISTRATOR is returned alone, because it includes
    all others.
    """
    if role.permissions.administrator:
        return [ADMINISTRATOR]
    bits = role.permissions.value
    for channel in role.guild.channels:
        bits |= channel.overwrites_for(role).pair()[0].value
    power = discord.Permissions(bits & ~role.guild.default_role.permissions.value)
    return [code for name, code in POWERS.items() if getattr(power, name)]


def power_words(role: discord.Role) -> str:
    """Return a warning about the role's permissions before it is sold; empty if it has none of POWERS."""
    powers = powers_of(role)
    if powers == [ADMINISTRATOR]:
        return tr("plans.role_is_administrator")
    return tr("plans.role_permits", powers=power_names(powers)) if powers else ""


def power_names(powers: Sequence[str]) -> str:
    """Return permissions, given by their codes, as a list in the reader's language."""
    return ", ".join(tr(code) for code in powers)


def require_sellable(interaction: Interaction, role: discord.Role) -> None:
    """Refuse a role that this admin may not give away.

    Raises Conflict for a role that is managed or of another server, and NotAllowed for one with more power
    than the admin's own.

    Discord lets people give only roles below their own highest one, and only with Manage Roles. Dues requires
    Manage Roles if the role permits anything that @everyone may not do, in the server or in a channel, and a
    higher role if it permits anything that the admin may not do themselves. Otherwise Manage Server alone
    would be enough to buy oneself every permission.
    """
    guild, admin = interaction.guild, interaction.user
    if guild is None or not isinstance(admin, discord.Member):
        raise GuildGone
    require_seen(guild)
    if guild.get_role(role.id) is None:
        raise Conflict(Text("error.role_of_another_server"))
    if role.is_default():
        raise Conflict(Text("error.role_everyone"))
    if role.managed:
        raise Conflict(Text("error.role_managed"))
    if admin.id == guild.owner_id:
        return
    power, gained = _gives(role, admin)
    if role >= admin.top_role and (power or gained):
        raise NotAllowed(Text("error.role_above_admin"))
    own = admin.guild_permissions
    if (power & ~own.value or gained) and not own.manage_roles:
        raise NotAllowed(Text("error.role_beyond_admin"))


def require_plan_sellable(interaction: Interaction, plan: Plan) -> None:
    """Refuse a caller who may not sell each of the plan's roles, with the errors of `require_sellable`.

    Changing a plan's price, product, name or visibility, or granting it, sells its roles just as adding it
    does. Deleted roles are skipped.
    """
    if interaction.guild is None:
        raise GuildGone
    require_seen(interaction.guild)
    for role_id in plan.role_ids:
        role = interaction.guild.get_role(role_id)
        if role is not None:
            require_sellable(interaction, role)


def _gives(role: discord.Role, admin: discord.Member) -> tuple[int, int]:
    """Return the permissions, as bits, that the role gives and @everyone lacks.

    The first number contains permissions in the whole server, the second those in channels in which this
    admin lacks them. A channel gives permissions by its overwrite for the role or through the role's own
    permissions.
    """
    everyone, in_channels = role.guild.default_role, 0
    for channel in role.guild.channels:
        allowed, _ = channel.overwrites_for(role).pair()
        more = channel.permissions_for(role).value & ~channel.permissions_for(everyone).value
        in_channels |= (allowed.value | more) & ~channel.permissions_for(admin).value
    return role.permissions.value & ~everyone.permissions.value, in_channels


def unseen_words(role: discord.Role) -> str:
    """Return a warning about channels that the bot cannot view; empty if there are none.

    Discord tells the bot little about these channels, so it cannot check what a role may do in them.
    """
    hidden = [c for c in role.guild.channels if not isinstance(c, discord.CategoryChannel)]
    many = sum(not channel.permissions_for(role.guild.me).view_channel for channel in hidden)
    if not many:
        return ""
    return tr("plans.unseen_channels", n=many)


OWNERS_FRESH = 300  # seconds
# Discord, 'Team Member Roles': these may reset the bot's token. A read-only member may only view the
# application.
MAY_CHANGE = (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)


async def load_owners(client: BaseBot) -> frozenset[int]:
    """Return the ids of the application's owner, or of the team members who may change the application."""
    known, until = client.owners
    if client.ports.clock.now() < until:
        return known
    try:
        info = await client.application_info()
    except FAULTS as error:
        raise translate(error) from error
    owners = {info.owner.id}
    if info.team is not None:
        joined = discord.TeamMembershipState.accepted
        owners = {m.id for m in info.team.members if m.membership_state is joined and m.role in MAY_CHANGE}
        owners |= {info.team.owner_id} if info.team.owner_id else set()
    client.owners = frozenset(owners), client.ports.clock.now() + OWNERS_FRESH
    return frozenset(owners)


async def is_owner(interaction: Interaction) -> bool:
    """Return True if the caller is the application's owner or a team member who may change it."""
    return interaction.user.id in await load_owners(interaction.client)


def require_seen(guild: discord.Guild) -> None:
    """Raise DiscordUnavailable during an outage of this server, because its roles are then unknown."""
    if guild.unavailable:
        raise DiscordUnavailable(Text("error.guild_outage"))


def cannot_give(guild: discord.Guild, role: discord.Role) -> list[Text | str]:
    """Return the reasons why the bot currently cannot give this role; empty if it can."""
    me = guild.me
    said: list[Text | str] = [] if me.guild_permissions.manage_roles else [RolesNotPermitted.user_message]
    return said if role < me.top_role else [*said, RoleAboveBot.user_message]


def can_write(channel: discord.TextChannel) -> bool:
    """Return True if the bot can see the channel and post there."""
    allowed = channel.permissions_for(channel.guild.me)
    return allowed.view_channel and allowed.send_messages
