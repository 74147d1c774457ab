"""Routes about channels and their messages."""

from __future__ import annotations

from standins.discord import chat, permissions, wire
from standins.discord.errors import Form, refusal
from standins.discord.model import Channel, Message
from standins.discord.rest import NO_CONTENT, Answer, Call, route


def _channel(call: Call) -> Channel:
    """Return the channel. Raises ApiError 10003 if it does not exist, 50001 if it is hidden from the bot."""
    channel = call.world.find_channel(call.id("channel_id"))
    if not chat.can(call.world, channel, call.bot.bot, permissions.VIEW_CHANNEL):
        raise refusal(50001)
    return channel


def _message(call: Call) -> Message:
    return call.world.find_message(_channel(call), call.id("message_id"))


def _own_message(call: Call) -> Message:
    message = _message(call)
    if message.author is not call.bot.bot:
        raise refusal(50005)
    return message


@route("GET", "/channels/{channel_id}")
def get_channel(call: Call) -> Answer:
    return Answer(200, wire.channel_json(call.world, _channel(call)))


@route("POST", "/channels/{channel_id}/typing")
def start_typing(call: Call) -> Answer:
    chat.require_send(call.world, _channel(call), call.bot.bot)
    return NO_CONTENT


@route("GET", "/channels/{channel_id}/messages")
def list_messages(call: Call) -> Answer:
    channel, limit = _channel(call), int(call.query.get("limit", 50))
    if not 1 <= limit <= 100:
        form = Form()
        form.fail(("limit",), "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        form.check()
    before, after = int(call.query.get("before", 1 << 63)), int(call.query.get("after", 0))
    found = [m for m in channel.messages.values() if m.ephemeral_to is None and after < m.id < before]
    chosen = found[:limit] if "after" in call.query else found[-limit:]
    return Answer(200, [chat.message_for(call.world, message, call.bot) for message in reversed(chosen)])


@route("POST", "/channels/{channel_id}/messages")
def create_message(call: Call) -> Answer:
    channel, body, world = _channel(call), call.object(), call.world
    chat.require_send(world, channel, call.bot.bot)
    message = Message(world.snowflake(), channel, call.bot.bot, world.clock.now(), nonce=body.get("nonce"))
    if body.get("message_reference"):
        replied = world.find_message(channel, int(body["message_reference"]["message_id"]))
        message.type, message.reply_to = 19, replied.id
    chat.apply_body(world, message, body)
    chat.post(world, message)
    return Answer(200, wire.message_json(world, message))


@route("GET", "/channels/{channel_id}/messages/{message_id}")
def get_message(call: Call) -> Answer:
    return Answer(200, chat.message_for(call.world, _message(call), call.bot))


@route("PATCH", "/channels/{channel_id}/messages/{message_id}")
def edit_message(call: Call) -> Answer:
    message = _own_message(call)
    chat.apply_body(call.world, message, call.object())
    message.edited_at = call.world.clock.now()
    chat.changed(call.world, message)
    return Answer(200, wire.message_json(call.world, message))


@route("DELETE", "/channels/{channel_id}/messages/{message_id}")
def delete_message(call: Call) -> Answer:
    message = _message(call)
    own = message.author is call.bot.bot
    if not own and message.channel.guild_id is None:
        raise refusal(50003)
    if not own and not chat.can(call.world, message.channel, call.bot.bot, permissions.MANAGE_MESSAGES):
        raise refusal(50013)
    chat.remove(call.world, message)
    return NO_CONTENT
