"""Routes about the bot itself: gateway address, account, application and registered commands."""

from __future__ import annotations

from standins.discord import commands, wire
from standins.discord.errors import ApiError, refusal
from standins.discord.model import Json
from standins.discord.rest import NO_CONTENT, Answer, Call, route, snowflake

SESSION_STARTS_A_DAY = 1000


@route("GET", "/gateway", token_in_path=True)
def get_gateway(call: Call) -> Answer:
    return Answer(200, {"url": call.gateway_url})


@route("GET", "/gateway/bot")
def get_gateway_bot(call: Call) -> Answer:
    limit = {
        "total": SESSION_STARTS_A_DAY,
        "remaining": max(SESSION_STARTS_A_DAY - call.bot.identifies, 0),
        "reset_after": 86_400_000,
        "max_concurrency": call.world.max_concurrency,
    }
    return Answer(200, {"url": call.gateway_url, "shards": call.world.shards, "session_start_limit": limit})


@route("GET", "/users/@me")
def get_own_user(call: Call) -> Answer:
    return Answer(200, wire.own_user_json(call.bot.bot))


@route("GET", "/users/@me/guilds")
def get_own_guilds(call: Call) -> Answer:
    after, limit = int(call.query.get("after", 0)), int(call.query.get("limit", 200))
    bot_id = call.bot.bot.id
    guilds = sorted(call.world.guilds.values(), key=lambda guild: guild.id)
    mine = [guild for guild in guilds if bot_id in guild.members and guild.id > after]
    return Answer(200, [wire.own_guild_json(guild, guild.members[bot_id]) for guild in mine[:limit]])


@route("POST", "/users/@me/channels")
def open_dm(call: Call) -> Answer:
    user_id = snowflake(call.object().get("recipient_id"), "recipient_id")
    if user_id not in call.world.users or user_id == call.bot.bot.id:
        raise ApiError(400, 50033, "Invalid Recipient(s)")
    channel = call.world.dm(call.bot.bot, call.world.users[user_id])
    return Answer(200, wire.channel_json(call.world, channel))


@route("GET", "/users/{user_id}")
def get_user(call: Call) -> Answer:
    user = call.world.users.get(call.id("user_id"))
    if user is None:
        raise refusal(10013)
    return Answer(200, wire.user_json(user))


@route("GET", "/applications/@me")
@route("GET", "/oauth2/applications/@me")
def get_own_application(call: Call) -> Answer:
    return Answer(200, wire.application_json(call.world, call.bot))


def _scope(call: Call) -> int | None:
    """Return the guild id of a guild command route; None for a global one.

    Raises ApiError 20012 for another application's commands.
    """
    if call.id("application_id") != call.bot.id:
        raise ApiError(403, 20012, "You are not authorized to perform this action on this application")
    if "guild_id" not in call.args:
        return None
    guild = call.world.find_guild(call.id("guild_id"))
    if call.bot.bot.id not in guild.members:
        raise refusal(50001)
    return guild.id


_GLOBAL, _GUILD = "/applications/{application_id}", "/applications/{application_id}/guilds/{guild_id}"


@route("GET", _GLOBAL + "/commands")
@route("GET", _GUILD + "/commands")
def list_commands(call: Call) -> Answer:
    found = call.bot.commands.get(_scope(call), {})
    keep = call.query.get("with_localizations", "").lower() in ("true", "1")
    return Answer(200, [command if keep else _shorter(command) for command in found.values()])


def _shorter(command: Json) -> Json:
    dropped = ("name_localizations", "description_localizations")
    return {key: value for key, value in command.items() if key not in dropped}


@route("PUT", _GLOBAL + "/commands")
@route("PUT", _GUILD + "/commands")
def replace_commands(call: Call) -> Answer:
    bodies = call.body if isinstance(call.body, list) else []
    return Answer(200, commands.overwrite_all(call.world, call.bot, _scope(call), bodies))


@route("POST", _GLOBAL + "/commands")
@route("POST", _GUILD + "/commands")
def create_command(call: Call) -> Answer:
    command, new = commands.upsert(call.world, call.bot, _scope(call), call.object())
    return Answer(201 if new else 200, command)


@route("GET", _GLOBAL + "/commands/{command_id}")
@route("GET", _GUILD + "/commands/{command_id}")
def get_command(call: Call) -> Answer:
    return Answer(200, commands.find(call.bot, _scope(call), call.id("command_id")))


@route("DELETE", _GLOBAL + "/commands/{command_id}")
@route("DELETE", _GUILD + "/commands/{command_id}")
def delete_command(call: Call) -> Answer:
    scope = _scope(call)
    commands.find(call.bot, scope, call.id("command_id"))
    del call.bot.commands[scope][call.id("command_id")]
    return NO_CONTENT
