"""What a role lets its members do, in Discord's own words, and who may give it away."""

from __future__ import annotations

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
from billing.model.texts import Text
from cogs.core.base import Interaction
from cogs.core.discord_errors import FAULTS, translate

if TYPE_CHECKING:
    from cogs.core.base import BaseBot

ADMINISTRATOR = "Administrator"
# Discord, 'Permissions': what acts on the server, on other members or on what they wrote. In the order that
# an admin should read them; what most servers sell (to see a channel, own emojis) is not among them.
POWERS = {
    "manage_guild": "Manage Server",
    "manage_roles": "Manage Roles",
    "manage_channels": "Manage Channels",
    "manage_webhooks": "Manage Webhooks",
    "ban_members": "Ban Members",
    "kick_members": "Kick Members",
    "moderate_members": "Timeout Members",
    "manage_messages": "Manage Messages",
    "manage_threads": "Manage Threads",
    "manage_nicknames": "Manage Nicknames",
    "mention_everyone": "Mention everyone",
    "mute_members": "Mute Members",
    "deafen_members": "Deafen Members",
    "move_members": "Move Members",
    "manage_events": "Manage Events",
    "manage_expressions": "Manage Expressions",
    "view_audit_log": "View Audit Log",
}


def powers_of(role: discord.Role) -> list[str]:
    """Those of the role that @everyone has not, in the server or by a channel's own settings; ADMINISTRATOR
    alone where it has that, which is all of them."""
    if role.permissions.administrator:
        return [ADMINISTRATOR]
    bits = role.permissions.value
    for channel in role.guild.channels:
        bits |= channel.overwrites_for(role).pair()[0].value
    power = discord.Permissions(bits & ~role.guild.default_role.permissions.value)
    return [label for name, label in POWERS.items() if getattr(power, name)]


def power_words(role: discord.Role) -> str:
    """What an admin should know before such a role is sold; empty where it has no power."""
    powers = powers_of(role)
    if powers == [ADMINISTRATOR]:
        return (
            "This role is Administrator: whoever pays may do everything in this server, such as see every "
            "channel and ban members. Sell another one, unless you mean that."
        )
    if not powers:
        return ""
    return f"This role permits {', '.join(powers)}; whoever pays will be able to as well."


def require_sellable(interaction: Interaction, role: discord.Role) -> None:
    """A role that this admin may give away: nobody else's, and no power that stands above their own.

    Discord lets people give only roles below their own highest one, and only with Manage Roles. Here the
    first holds for roles that permit what @everyone may not, in the server or in a channel, and the second
    for what the admin may not themselves; else Manage Server alone could buy itself everything.
    """
    guild, admin = interaction.guild, interaction.user
    if guild is None or not isinstance(admin, discord.Member):
        raise GuildGone
    require_seen(guild)
    if guild.get_role(role.id) is None:
        raise Conflict("This role is of another server, so it cannot be sold here.")
    if role.is_default():
        raise Conflict("@everyone has this role already, so it cannot be sold.")
    if role.managed:
        raise Conflict("This role belongs to a bot, a boost or another service, so nobody can give it.")
    if admin.id == guild.owner_id:
        return
    power, gained = _gives(role, admin)
    if role >= admin.top_role and (power or gained):
        raise NotAllowed(
            "This role has permissions and stands above your own highest role, so you cannot sell it."
        )
    own = admin.guild_permissions
    if (power & ~own.value or gained) and not own.manage_roles:
        raise NotAllowed(
            "This role gives what you do not have yourself, in the server or in one of its channels, and you "
            "lack Manage Roles. So you cannot sell it."
        )


def require_plan_sellable(interaction: Interaction, plan: Plan) -> None:
    """NotAllowed where the caller could not sell each of the plan's roles. To price, map, grant, rename or
    list such a plan sells these roles just as well; roles that Discord no longer has give nothing."""
    if interaction.guild is None:
        raise GuildGone
    require_seen(interaction.guild)
    for role_id in plan.role_ids:
        role = interaction.guild.get_role(role_id)
        if role is not None:
            require_sellable(interaction, role)


def _gives(role: discord.Role, admin: discord.Member) -> tuple[int, int]:
    """What the role permits that @everyone may not, as bits: in the whole server, and in channels where this
    admin may not. Either way, by the channel's word on the role or by the role's own permissions."""
    everyone, in_channels = role.guild.default_role, 0
    for channel in role.guild.channels:
        allowed, _ = channel.overwrites_for(role).pair()
        more = channel.permissions_for(role).value & ~channel.permissions_for(everyone).value
        in_channels |= (allowed.value | more) & ~channel.permissions_for(admin).value
    return role.permissions.value & ~everyone.permissions.value, in_channels


def unseen_words(role: discord.Role) -> str:
    """What an admin should look at themselves, as Discord shows the bot little of a channel that it cannot
    view."""
    hidden = [c for c in role.guild.channels if not isinstance(c, discord.CategoryChannel)]
    many = sum(not channel.permissions_for(role.guild.me).view_channel for channel in hidden)
    if not many:
        return ""
    what = "one channel" if many == 1 else f"{many} channels"
    return f"The bot cannot see {what} of this server. Please check yourself what this role opens there."


OWNERS_FRESH = 300  # seconds
# Discord, 'Team Member Roles': these may reset the bot's token; who is read-only may look at the application.
MAY_CHANGE = (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)


async def load_owners(client: BaseBot) -> frozenset[int]:
    """The application's owner, or who of its team may change it, as Discord's Developer Portal has it."""
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
    """Whether the caller is the application's owner, or of its team."""
    return interaction.user.id in await load_owners(interaction.client)


def require_seen(guild: discord.Guild) -> None:
    """DiscordUnavailable during an outage of this server, when its roles are not known."""
    if guild.unavailable:
        raise DiscordUnavailable("Discord has trouble with this server just now. Please try again later.")


def cannot_give(guild: discord.Guild, role: discord.Role) -> list[Text | str]:
    """Why the bot could not give this role as things stand."""
    me = guild.me
    said: list[Text | str] = [] if me.guild_permissions.manage_roles else [RolesNotPermitted.user_message]
    return said if role < me.top_role else [*said, RoleAboveBot.user_message]


def can_write(channel: discord.TextChannel) -> bool:
    """Whether the bot sees the channel and may post there."""
    allowed = channel.permissions_for(channel.guild.me)
    return allowed.view_channel and allowed.send_messages
