"""What a role lets its members do to the server and to others, in Discord's own words."""

from __future__ import annotations

import discord

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
