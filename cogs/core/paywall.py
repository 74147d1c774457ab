"""Finds leaks in a server's paywall: paid channels that everybody sees, staff channels that paid roles open.

Pure functions over a copy of the server's permissions, so that the state before an edit can be compared with
the state after it. The permissions are computed as Discord documents it (Developer Docs, "Permissions",
"Permission Overwrites"): @everyone's and the role's permissions, then the channel's overwrites for @everyone,
then those for the role. Overwrites for single members don't count here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import discord

VIEW = discord.Permissions(view_channel=True).value
ADMINISTRATOR = discord.Permissions(administrator=True).value
# Permissions that only a server's staff has.
STAFF = discord.Permissions(
    administrator=True,
    manage_guild=True,
    manage_roles=True,
    manage_channels=True,
    manage_messages=True,
    kick_members=True,
    ban_members=True,
    moderate_members=True,
).value
# Words in the names of channels that belong to the staff, in English and German.
_STAFF_NAME = re.compile(
    r"(^|[^a-z])(staff|mods?|moderators?|moderation|admins?|leitung|intern)([^a-z]|$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ChannelPermissions:
    """A channel's overwrites as bits: role id to (allowed, denied).

    `staff`: True if the server's settings name it as the channel for Discord's messages to the staff.
    """

    name: str
    overwrites: Mapping[int, tuple[int, int]]
    staff: bool = False


@dataclass(frozen=True, slots=True)
class ServerPermissions:
    """The permissions of a server's roles as bits, and of those channels that the bot can view, by id.

    The id of @everyone is the server's. `bots`: roles that belong to an integration."""

    guild_id: int
    roles: Mapping[int, int]
    channels: Mapping[int, ChannelPermissions]
    bots: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Leaks:
    """The leaks found in a server.

    `open`: paid channels that everybody sees. `staff`: staff channels that a paid role opens, as (role,
    channel). `idle`: paid roles that open no channel and permit nothing that @everyone may not do.
    """

    open: frozenset[int] = field(default_factory=frozenset)
    staff: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    idle: frozenset[int] = field(default_factory=frozenset)

    def since(self, before: Leaks) -> Leaks:
        """Return the leaks that are not in `before`."""
        return Leaks(self.open - before.open, self.staff - before.staff, self.idle - before.idle)

    def __bool__(self) -> bool:
        return bool(self.open or self.staff or self.idle)


def read_permissions(guild: discord.Guild) -> ServerPermissions:
    """Copy the permissions of a server.

    Categories are left out, because nobody can open them, and so are channels that the bot can't view,
    because Discord says little about them.
    """
    staff = {guild.public_updates_channel, guild.safety_alerts_channel}
    channels = {
        channel.id: ChannelPermissions(channel.name, overwrites_of(channel), channel in staff)
        for channel in guild.channels
        if not isinstance(channel, discord.CategoryChannel) and channel.permissions_for(guild.me).view_channel
    }
    roles = {role.id: role.permissions.value for role in guild.roles}
    return ServerPermissions(guild.id, roles, channels, frozenset(r.id for r in guild.roles if r.managed))


def overwrites_of(channel: discord.abc.GuildChannel) -> dict[int, tuple[int, int]]:
    """Return a channel's overwrites for roles as bits: role id to (allowed, denied)."""
    pairs = {to.id: entry.pair() for to, entry in channel.overwrites.items() if isinstance(to, discord.Role)}
    return {role_id: (allow.value, deny.value) for role_id, (allow, deny) in pairs.items()}


def permissions_in(server: ServerPermissions, channel: ChannelPermissions, role: int) -> int:
    """Return what a member with this role alone may do in a channel, as bits.

    With the server's own id, return what a member without roles may do."""
    bits = server.roles.get(server.guild_id, 0) | server.roles.get(role, 0)
    if bits & ADMINISTRATOR:
        return discord.Permissions.all().value
    for one in dict.fromkeys((server.guild_id, role)):
        allow, deny = channel.overwrites.get(one, (0, 0))
        bits = bits & ~deny | allow
    return bits if bits & VIEW else 0


def find_leaks(server: ServerPermissions, sold: Collection[int]) -> Leaks:
    """Find the leaks that concern these paid roles.

    Deleted roles are skipped. Roles with Administrator are skipped where channels are concerned, because they
    see every channel.
    """
    roles = [role for role in sold if role in server.roles and role != server.guild_id]
    shown = [
        role for role in roles if not (server.roles[role] | server.roles[server.guild_id]) & ADMINISTRATOR
    ]
    hidden = {
        channel_id: channel
        for channel_id, channel in server.channels.items()
        if not permissions_in(server, channel, server.guild_id)
    }
    return Leaks(
        frozenset(
            channel_id
            for channel_id, channel in server.channels.items()
            if channel_id not in hidden and any(_allows(channel, role) for role in shown)
        ),
        frozenset(
            (role, channel_id)
            for channel_id, channel in hidden.items()
            for role in shown
            if permissions_in(server, channel, role) and _is_staffs(server, channel, role, sold)
        ),
        frozenset(role for role in roles if not _opens(server, role)),
    )


def _allows(channel: ChannelPermissions, role: int) -> bool:
    return bool(channel.overwrites.get(role, (0, 0))[0] & VIEW)


def _is_staffs(
    server: ServerPermissions, channel: ChannelPermissions, role: int, sold: Iterable[int]
) -> bool:
    """Return True if a hidden channel belongs to the staff.

    It does if the server's settings say so. It also does if the overwrites let a staff role in, and either
    the channel's name says so or no overwrite lets the paid role in.
    """
    if channel.staff:
        return True
    staff = {
        one
        for one, bits in server.roles.items()
        if bits & STAFF and one not in server.bots and one not in sold
    }
    if not any(_allows(channel, one) for one in staff):
        return False
    return not _allows(channel, role) or bool(_STAFF_NAME.search(channel.name))


def _opens(server: ServerPermissions, role: int) -> bool:
    """Return True if the role gives anything that a member without roles lacks."""
    if server.roles[role] & ~server.roles[server.guild_id]:
        return True
    return any(
        permissions_in(server, channel, role) & ~permissions_in(server, channel, server.guild_id)
        for channel in server.channels.values()
    )
