"""Routes about servers: the server, its roles and members, and granting a single role."""

from __future__ import annotations

from standins.discord import permissions, wire
from standins.discord.errors import ApiError, Form, refusal
from standins.discord.model import Guild, Json, Member, Role, User
from standins.discord.permissions import guild_permissions, top_position
from standins.discord.rest import NO_CONTENT, Answer, Call, route


def _guild(call: Call) -> Guild:
    """Return the server. Raises ApiError 10004 if it does not exist, 50001 if the bot is not in it."""
    guild = call.world.find_guild(call.id("guild_id"))
    if call.bot.bot.id not in guild.members:
        raise refusal(50001)
    return guild


def _member(call: Call, guild: Guild) -> Member:
    member = guild.members.get(call.id("user_id"))
    if member is None:
        raise refusal(10007)
    return member


def _role(call: Call, guild: Guild) -> Role:
    role = guild.roles.get(call.id("role_id"))
    if role is None:
        raise refusal(10011)
    return role


def _require(call: Call, guild: Guild, bits: int) -> Member:
    """Return the bot's own member. Raises ApiError 50013 if it lacks one of the permission bits."""
    own = guild.members[call.bot.bot.id]
    if guild_permissions(guild, own) & bits != bits:
        raise refusal(50013)
    return own


@route("GET", "/guilds/{guild_id}")
def get_guild(call: Call) -> Answer:
    guild = call.world.find_guild(call.id("guild_id"))
    if call.bot.bot.id not in guild.members:
        raise refusal(10004)
    body = wire.guild_json(guild)
    if call.query.get("with_counts", "").lower() in ("true", "1"):
        count = len(guild.members)
        body |= {"approximate_member_count": count, "approximate_presence_count": count}
    return Answer(200, body)


@route("GET", "/guilds/{guild_id}/channels")
def list_channels(call: Call) -> Answer:
    channels = _guild(call).channels.values()
    return Answer(200, [wire.channel_json(call.world, channel) for channel in channels])


# Roles


@route("GET", "/guilds/{guild_id}/roles")
def list_roles(call: Call) -> Answer:
    return Answer(200, [wire.role_json(role) for role in _guild(call).roles.values()])


@route("GET", "/guilds/{guild_id}/roles/{role_id}")
def get_role(call: Call) -> Answer:
    return Answer(200, wire.role_json(_role(call, _guild(call))))


@route("POST", "/guilds/{guild_id}/roles")
def create_role(call: Call) -> Answer:
    guild = _guild(call)
    own = _require(call, guild, permissions.MANAGE_ROLES)
    body = call.object()
    bits = int(body.get("permissions") or 0)
    if bits & ~guild_permissions(guild, own):
        raise refusal(50013)
    role = call.world.add_role(guild, body.get("name") or "new role", _color(body) or 0, bits=bits)
    role.hoist, role.mentionable = bool(body.get("hoist")), bool(body.get("mentionable"))
    return Answer(200, wire.role_json(role))


@route("PATCH", "/guilds/{guild_id}/roles/{role_id}")
def edit_role(call: Call) -> Answer:
    guild = _guild(call)
    role = _role(call, guild)
    _require_above(call, guild, role)
    body = call.object()
    bits = None if body.get("permissions") is None else int(body["permissions"])
    if (bits or 0) & ~guild_permissions(guild, guild.members[call.bot.bot.id]):
        raise refusal(50013)
    call.world.edit_role(role, name=body.get("name"), color=_color(body), bits=bits)
    return Answer(200, wire.role_json(role))


@route("DELETE", "/guilds/{guild_id}/roles/{role_id}")
def delete_role(call: Call) -> Answer:
    guild = _guild(call)
    role = _role(call, guild)
    _require_above(call, guild, role)
    if role.managed or role is guild.everyone:
        raise refusal(50028)
    call.world.delete_role(role)
    return NO_CONTENT


def _color(body: Json) -> int | None:
    color = body.get("color")
    if color is None and body.get("colors"):
        color = body["colors"].get("primary_color")
    return color


def _require_above(call: Call, guild: Guild, role: Role) -> None:
    """Raise 50013 unless the bot may manage roles and its highest role is above this one."""
    own = _require(call, guild, permissions.MANAGE_ROLES)
    if role.position >= top_position(guild, own):
        raise refusal(50013)


# Members


@route("GET", "/guilds/{guild_id}/members")
def list_members(call: Call) -> Answer:
    guild = _guild(call)
    if not call.bot.members_intent:
        raise refusal(50001)
    after, limit = int(call.query.get("after", 0)), int(call.query.get("limit", 1))
    if not 1 <= limit <= 1000:
        form = Form()
        form.fail(("limit",), "NUMBER_TYPE_MAX", "int value should be between 1 and 1000.")
        form.check()
    members = [guild.members[user_id] for user_id in sorted(guild.members) if user_id > after]
    return Answer(200, [wire.member_json(call.world, member) for member in members[:limit]])


@route("GET", "/guilds/{guild_id}/members/{user_id}")
def get_member(call: Call) -> Answer:
    guild = _guild(call)
    return Answer(200, wire.member_json(call.world, _member(call, guild)))


@route("PATCH", "/guilds/{guild_id}/members/{user_id}")
def edit_member(call: Call) -> Answer:
    """Change a member's nickname, or replace their whole list of roles.

    Replacing the list also undoes changes that others made meanwhile.
    """
    guild, body = _guild(call), call.object()
    member = _member(call, guild)
    if "nick" in body:
        _require(call, guild, 1 << 27)
        member.nick = body["nick"] or None
        call.world.member_updated(guild, member)
    if body.get("roles") is not None:
        _set_roles(call, guild, member, {int(role_id) for role_id in body["roles"]})
    return Answer(200, wire.member_json(call.world, member))


def _set_roles(call: Call, guild: Guild, member: Member, wanted: set[int]) -> None:
    if wanted - guild.roles.keys():
        raise refusal(10011)
    user, own = call.world.users[member.user_id], call.bot.bot
    differing = [guild.roles[role_id] for role_id in wanted ^ set(member.roles)]
    for role in differing:
        _require_grantable(call, guild, role)
    for role in differing:
        act = call.world.give_role if role.id in wanted else call.world.take_role
        act(guild, user, role, by=own, reason=call.reason)


def _require_grantable(call: Call, guild: Guild, role: Role) -> None:
    _require_above(call, guild, role)
    if role.managed:
        raise refusal(50013)
    if role is guild.everyone:
        raise refusal(50028)


@route("PUT", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}")
def give_role(call: Call) -> Answer:
    guild, user = _role_call(call)
    call.world.give_role(guild, user, _role(call, guild), by=call.bot.bot, reason=call.reason)
    return NO_CONTENT


@route("DELETE", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}")
def take_role(call: Call) -> Answer:
    guild, user = _role_call(call)
    call.world.take_role(guild, user, _role(call, guild), by=call.bot.bot, reason=call.reason)
    return NO_CONTENT


def _role_call(call: Call) -> tuple[Guild, User]:
    """Return server and user of a role PUT or DELETE. Raises Discord's refusal if the bot may not do it."""
    guild = _guild(call)
    member = _member(call, guild)
    _require_grantable(call, guild, _role(call, guild))
    if not guild.available:
        raise ApiError(503, 0, "503: Service Unavailable")
    return guild, call.world.users[member.user_id]
