"""Permission bits, and how roles and channel overwrites combine (Discord's "Permissions" topic)."""

from __future__ import annotations

from standins.discord.model import Channel, Guild, Member

ADMINISTRATOR = 1 << 3
MANAGE_CHANNELS = 1 << 4
MANAGE_GUILD = 1 << 5
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
MANAGE_ROLES = 1 << 28
USE_APPLICATION_COMMANDS = 1 << 31

ALL = (1 << 53) - 1
EVERYONE = (
    VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | USE_APPLICATION_COMMANDS
)
IN_A_DM = EVERYONE | MENTION_EVERYONE


def guild_permissions(guild: Guild, member: Member) -> int:
    """Return the member's permissions in the whole server, as a bit field."""
    if member.user_id == guild.owner_id:
        return ALL
    bits = guild.everyone.permissions
    for role_id in member.roles:
        bits |= guild.roles[role_id].permissions
    return ALL if bits & ADMINISTRATOR else bits


def channel_permissions(guild: Guild, channel: Channel, member: Member) -> int:
    """Return the member's permissions in one channel, as a bit field."""
    bits = guild_permissions(guild, member)
    if bits & ADMINISTRATOR:
        return ALL
    deny, allow = channel.overwrites.get(guild.id, (0, 0))
    bits = bits & ~deny | allow
    deny = allow = 0
    for role_id in member.roles:
        role_deny, role_allow = channel.overwrites.get(role_id, (0, 0))
        deny, allow = deny | role_deny, allow | role_allow
    bits = bits & ~deny | allow
    deny, allow = channel.overwrites.get(member.user_id, (0, 0))
    bits = bits & ~deny | allow
    return bits if bits & VIEW_CHANNEL else 0


def top_position(guild: Guild, member: Member) -> int:
    """Return the position of the member's highest role; the owner ranks above all."""
    if member.user_id == guild.owner_id:
        return 1 << 30
    return max((guild.roles[role_id].position for role_id in member.roles), default=0)
