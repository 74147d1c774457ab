"""Converts the records to Discord's JSON (API v10).

Shapes: Discord's OpenAPI document and the documentation of gateway events.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standins.discord.model import (
    Application,
    Channel,
    Guild,
    Interaction,
    Json,
    Member,
    Message,
    Role,
    User,
)
from standins.discord.permissions import channel_permissions, guild_permissions

if TYPE_CHECKING:
    from standins.discord.state import State

MEMBERS_FLAG, PRESENCE_FLAG, CONTENT_FLAG = 1 << 15, 1 << 13, 1 << 19


def iso(at: float | None) -> str | None:
    """Format unix seconds as Discord writes a time; return None for None."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def user_json(user: User) -> Json:
    """Return a user as the API shows it to others (UserResponse)."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.bot else user.name,
        "discriminator": f"{user.id % 10000:04}" if user.bot else "0",
        "avatar": None,
        "banner": None,
        "accent_color": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
    }


def own_user_json(user: User) -> Json:
    """Return a UserPIIResponse: the fields that only the account itself sees."""
    private = {"mfa_enabled": True, "locale": user.locale, "verified": True, "email": None, "premium_type": 0}
    return user_json(user) | private


def role_json(role: Role) -> Json:
    """Return a server's role as the API shows it (GuildRoleResponse)."""
    body: Json = {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(role.permissions),
        "position": role.position,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": role.hoist,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if role.bot_id is not None:
        body["tags"] = {"bot_id": str(role.bot_id)}
    return body


def bare_member_json(member: Member) -> Json:
    """Return a member without its user, as in `resolved` and MESSAGE_CREATE."""
    return {
        "avatar": None,
        "avatar_decoration_data": None,
        "banner": None,
        "collectibles": None,
        "communication_disabled_until": None,
        "flags": 0,
        "joined_at": iso(member.joined_at),
        "nick": member.nick,
        "pending": member.pending,
        "premium_since": None,
        "roles": [str(role_id) for role_id in member.roles],
    }


def member_json(world: State, member: Member) -> Json:
    """Return a server's member, with their user, as the API shows it (GuildMemberResponse)."""
    user = user_json(world.users[member.user_id])
    return bare_member_json(member) | {"user": user, "mute": False, "deaf": False}


def channel_json(world: State, channel: Channel) -> Json:
    """Return a GuildChannelResponse, or a PrivateChannelResponse that omits the bot as recipient."""
    visible = [str(m.id) for m in channel.messages.values() if m.ephemeral_to is None]
    body: Json = {
        "id": str(channel.id),
        "type": channel.type,
        "flags": 0,
        "last_message_id": visible[-1] if visible else None,
    }
    if channel.guild_id is None:
        people = [world.users[user_id] for user_id in channel.recipients]
        shown = [user for user in people if not user.bot] or people
        return body | {"recipients": [user_json(user) for user in shown]}
    guild = world.guilds[channel.guild_id]
    overwrites = [
        {"id": str(target), "type": 0 if target in guild.roles else 1, "allow": str(allow), "deny": str(deny)}
        for target, (deny, allow) in channel.overwrites.items()
    ]
    return body | {
        "guild_id": str(channel.guild_id),
        "name": channel.name,
        "parent_id": None,
        "position": channel.position,
        "topic": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": overwrites,
    }


def guild_json(guild: Guild) -> Json:
    """Return a server as the API shows it (GuildResponse)."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner_id),
        "roles": [role_json(role) for role in guild.roles.values()],
        "preferred_locale": guild.locale,
        "region": "deprecated",
        "features": [],
        "emojis": [],
        "stickers": [],
        "afk_timeout": 300,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "premium_progress_bar_enabled": False,
        "widget_enabled": False,
        "nsfw": False,
        **dict.fromkeys(_GUILD_NULLS),
        **dict.fromkeys(_GUILD_ZEROS, 0),
    }


_GUILD_NULLS = (
    *("icon", "description", "home_header", "splash", "discovery_splash", "banner", "application_id"),
    *("afk_channel_id", "system_channel_id", "widget_channel_id", "rules_channel_id", "vanity_url_code"),
    *("safety_alerts_channel_id", "public_updates_channel_id", "max_presences", "incidents_data"),
)
_GUILD_ZEROS = (
    *("system_channel_flags", "verification_level", "default_message_notifications", "mfa_level"),
    *("explicit_content_filter", "premium_tier", "premium_subscription_count", "nsfw_level"),
)


def guild_create_json(world: State, guild: Guild, app: Application, all_members: bool) -> Json:
    """Return the GUILD_CREATE payload; without the members intent it contains only the bot's own member."""
    members = [m for m in guild.members.values() if all_members or m.user_id == app.bot.id]
    own = guild.members[app.bot.id]
    return guild_json(guild) | {
        "joined_at": iso(own.joined_at),
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_json(world, member) for member in members],
        "channels": [channel_json(world, channel) for channel in guild.channels.values()],
        "voice_states": [],
        "threads": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def application_json(world: State, app: Application) -> Json:
    """Return a PrivateApplicationResponse, whose flags show the enabled privileged intents."""
    flags = (
        app.members_intent * MEMBERS_FLAG
        | app.presence_intent * PRESENCE_FLAG
        | app.message_content_intent * CONTENT_FLAG
    )
    return {
        "id": str(app.id),
        "name": app.name,
        "description": "",
        "icon": None,
        "type": None,
        "bot": user_json(app.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "integration_types_config": {"0": {}, "1": {}},
        "verify_key": f"{app.id:064x}",
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        # For an application of a team, Discord shows an account that stands for the team.
        "owner": user_json(User(app.id + 1, f"team{app.id + 1}") if app.team else app.owner),
        "approximate_guild_count": sum(app.bot.id in guild.members for guild in world.guilds.values()),
        "approximate_user_install_count": sum(app.id in u.installed_apps for u in world.users.values()),
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": team_json(app) if app.team else None,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
    }


def team_json(app: Application) -> Json:
    """Return the team that owns an application, as the API shows it (TeamResponse)."""
    members = [
        {
            "user": user_json(user),
            "team_id": str(app.id + 1),
            "membership_state": 2 if accepted else 1,
            "permissions": ["*"],
            "role": role,
        }
        for user, role, accepted in app.team
    ]
    owner_id = str(app.team[0][0].id)
    return {
        "id": str(app.id + 1), "name": "Team", "icon": None, "owner_user_id": owner_id, "members": members
    }  # fmt: skip


def message_json(world: State, message: Message) -> Json:
    """Return a message as the API shows it (MessageResponse)."""
    body: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": message.type,
        "author": user_json(message.author),
        "content": message.content,
        "timestamp": iso(message.created_at),
        "edited_timestamp": iso(message.edited_at),
        "flags": message.flags,
        "components": message.components,
        "embeds": message.embeds,
        "attachments": message.attachments,
        "mentions": [user_json(world.users[user_id]) for user_id in message.pinged_users],
        "mention_roles": [str(role_id) for role_id in message.pinged_roles],
        "mention_everyone": message.pinged_everyone,
        "pinned": False,
        "tts": False,
    }
    if message.nonce is not None:
        body["nonce"] = message.nonce
    if message.reply_to is not None:
        reference = {"type": 0, "channel_id": str(message.channel.id), "message_id": str(message.reply_to)}
        body["message_reference"] = reference
    if message.interaction is not None:
        app_id = str(message.interaction.application.id)
        body |= {"application_id": app_id, "webhook_id": app_id}
        body["interaction_metadata"] = interaction_metadata_json(message.interaction)
    return body


def interaction_metadata_json(interaction: Interaction) -> Json:
    """Return a message's `interaction_metadata`, about the interaction that it answers."""
    body: Json = {
        "id": str(interaction.id),
        "type": interaction.type,
        "user": user_json(interaction.user),
        "authorizing_integration_owners": interaction.owners,
    }
    if interaction.type == 3 and interaction.message is not None:
        body["interacted_message_id"] = str(interaction.message.id)
    if interaction.type == 5 and interaction.opened_by is not None:
        body["triggering_interaction_metadata"] = interaction_metadata_json(interaction.opened_by)
    return body


def interaction_json(world: State, interaction: Interaction, app_permissions: int) -> Json:
    """Return an interaction as its application receives it (INTERACTION_CREATE)."""
    body: Json = {
        "id": str(interaction.id),
        "application_id": str(interaction.application.id),
        "type": interaction.type,
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel_id": str(interaction.channel.id),
        "channel": channel_json(world, interaction.channel),
        "app_permissions": str(app_permissions),
        "locale": interaction.user.locale,
        "entitlements": [],
        "authorizing_integration_owners": interaction.owners,
        "context": interaction.context,
        "attachment_size_limit": 10 * 1024 * 1024,
    }
    if interaction.message is not None:
        body["message"] = message_json(world, interaction.message)
    guild = interaction.guild
    if guild is None:
        return body | {"user": user_json(interaction.user)}
    member = guild.members[interaction.user.id]
    bits = str(channel_permissions(guild, interaction.channel, member))
    body["channel"]["permissions"] = bits
    return body | {
        "guild_id": str(guild.id),
        "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
        "guild_locale": guild.locale,
        "member": member_json(world, member) | {"permissions": bits},
    }


def own_guild_json(guild: Guild, member: Member) -> Json:
    """Return a MyGuildResponse, a server as it appears in its member's own list."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "banner": None,
        "owner": guild.owner_id == member.user_id,
        "permissions": str(guild_permissions(guild, member)),
        "features": [],
    }
