"""Messages: validates their bodies, determines who is notified, and posts, edits and deletes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from standins.discord import permissions, wire
from standins.discord.components import MessageTree, check_length, text_of
from standins.discord.errors import Form, refusal
from standins.discord.model import COMPONENTS_V2, Application, Channel, Json, Message, User
from standins.discord.sessions import DIRECT_MESSAGES, GUILD_MESSAGES, MESSAGE_CONTENT
from standins.discord.state import State

SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS = 1 << 2, 1 << 12
SETTABLE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
_MENTION = re.compile(r"<@(&|!?)(\d+)>")


def apply_body(
    state: State, message: Message, body: Json, *, path: tuple[str | int, ...] = (), most: int = 2000
) -> None:
    """Write the body of a create or edit request into `message`.

    Raises ApiError 50035 or 50006 for an invalid body, and then changes nothing. As in a PATCH, only keys
    that are present change anything. `path`: the place of the body in the request. `most`: the allowed length
    of the content, in characters.
    """
    form = Form()
    asked = body.get("flags") or 0
    flags = message.flags & ~SUPPRESS_EMBEDS | asked & SETTABLE_FLAGS
    v2 = bool(flags & COMPONENTS_V2)
    content = _value(body, "content", message.content) or ""
    embeds = _value(body, "embeds", message.embeds) or []
    components = message.components
    if "components" in body:
        components = MessageTree(form, (*path, "components"), body["components"] or [], v2=v2).normalised
    check_length(form, (*path, "content"), content, 0, most)
    _check_embeds(form, (*path, "embeds"), embeds)
    if v2 and (content or embeds):
        key = "content" if content else "embeds"
        code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
        form.fail((*path, key), code, f"The '{key}' field cannot be used with MessageFlags.IS_COMPONENTS_V2")
    form.check()
    if not (content or embeds or components or body.get("attachments") or message.attachments):
        raise refusal(50006)
    message.flags = flags
    message.content, message.components = content, components
    message.embeds = [{"type": "rich", **_without_none(embed)} for embed in embeds]
    if "attachments" in body:
        message.attachments = _attached(state, message, body["attachments"] or [])
    _set_pings(state, message, body.get("allowed_mentions"))


def _attached(state: State, message: Message, entries: list[Json]) -> list[Json]:
    """Return the attachments after an edit: those kept, by id, and the new ones."""
    known = {entry["id"]: entry for entry in message.attachments}
    return [known.get(str(entry["id"])) or _new_attachment(state, message, entry) for entry in entries]


def _new_attachment(state: State, message: Message, entry: Json) -> Json:
    attachment_id, name = str(state.snowflake()), entry.get("filename") or "file"
    url = f"https://cdn.discordapp.com/attachments/{message.channel.id}/{attachment_id}/{name}"
    content = entry.get("content", "").encode("latin-1")
    state.files[url] = content
    return {"id": attachment_id, "filename": name, "size": len(content), "url": url, "proxy_url": url}


def _value(body: Json, key: str, present: Any) -> Any:
    return body.get(key) if key in body else present


def _without_none(embed: Json) -> Json:
    return {key: value for key, value in embed.items() if value is not None}


def _check_embeds(form: Form, path: tuple[str | int, ...], embeds: list[Json]) -> None:
    check_length(form, path, embeds, 0, 10)
    for place, embed in enumerate(embeds):
        check_length(form, (*path, place, "fields"), embed.get("fields") or [], 0, 25)
        for where, text, most in _embed_texts(embed):
            check_length(form, (*path, place, *where), text, 0, most)
    if sum(len(text) for embed in embeds for _, text, _ in _embed_texts(embed)) > 6000:
        form.fail(path, "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _embed_texts(embed: Json) -> Iterator[tuple[tuple[str | int, ...], str, int]]:
    """Yield (path, text, allowed length in characters) for each text of an embed."""
    yield ("title",), embed.get("title") or "", 256
    yield ("description",), embed.get("description") or "", 4096
    yield ("footer", "text"), (embed.get("footer") or {}).get("text") or "", 2048
    yield ("author", "name"), (embed.get("author") or {}).get("name") or "", 256
    for place, field in enumerate(embed.get("fields") or []):
        yield ("fields", place, "name"), field.get("name") or "", 256
        yield ("fields", place, "value"), field.get("value") or "", 1024


def _set_pings(state: State, message: Message, allowed: Json | None) -> None:
    text = message.content + "\n" + text_of(message.components)
    users, roles = set[int](), set[int]()
    for mark, number in _MENTION.findall(text):
        (roles if mark == "&" else users).add(int(number))
    parse = {"users", "roles", "everyone"} if allowed is None else set(allowed.get("parse") or [])
    named = allowed or {}
    some_users = users if "users" in parse else users & {int(i) for i in named.get("users") or []}
    some_roles = roles if "roles" in parse else roles & {int(i) for i in named.get("roles") or []}
    message.pinged_users = sorted(user_id for user_id in some_users if user_id in state.users)
    message.pinged_roles = sorted(some_roles)
    message.pinged_everyone = "everyone" in parse and ("@everyone" in text or "@here" in text)


def post(state: State, message: Message) -> None:
    """Post a message to its channel and notify everyone who can see it."""
    message.channel.messages[message.id] = message
    _tell(state, message, "MESSAGE_CREATE")
    _publish(state, "message_created", message)


def changed(state: State, message: Message) -> None:
    """Notify everyone who can see the message that it was edited."""
    _tell(state, message, "MESSAGE_UPDATE")
    _publish(state, "message_updated", message)


def remove(state: State, message: Message) -> None:
    """Delete a message and notify everyone who could see it."""
    message.deleted = True
    message.channel.messages.pop(message.id, None)
    _tell(state, message, "MESSAGE_DELETE")
    _publish(state, "message_deleted", message)


def _publish(state: State, kind: str, message: Message) -> None:
    facts: Json = {
        "channel_id": message.channel.id,
        "guild_id": message.channel.guild_id,
        "message_id": message.id,
        "ephemeral_to": message.ephemeral_to,
        "interaction_id": message.interaction.id if message.interaction else None,
    }
    if kind != "message_deleted":
        facts["message"] = wire.message_json(state, message)
    state.publish(kind, **facts)


def _tell(state: State, message: Message, event: str) -> None:
    """Send a MESSAGE_* event to the bots that can see the message.

    An ephemeral message is visible only to the bot of its own application.
    """
    channel = message.channel
    intent = DIRECT_MESSAGES if channel.guild_id is None else GUILD_MESSAGES
    place = {} if channel.guild_id is None else {"guild_id": str(channel.guild_id)}
    for app in _watchers(state, message):
        for session in state.hub.told(app, channel.guild_id):
            if session.intents & intent:
                allowed = bool(session.intents & MESSAGE_CONTENT)
                body = message_for(state, message, app, content_intent=allowed)
                if event == "MESSAGE_DELETE":
                    body = {"id": str(message.id), "channel_id": str(channel.id)}
                session.dispatch(event, body | place)


def message_for(
    state: State, message: Message, app: Application, *, content_intent: bool | None = None
) -> Json:
    """Return a message as JSON that the application may read.

    Without the message content intent, the content of other people's messages in a server is empty, in
    events and in answers, unless the bot is mentioned.
    """
    allowed = app.message_content_intent if content_intent is None else content_intent
    own = message.author is app.bot or message.channel.guild_id is None
    body = wire.message_json(state, message)
    return body if allowed or own or app.bot.id in message.pinged_users else body | _CENSORED


_CENSORED: Json = {"content": "", "embeds": [], "components": [], "attachments": []}


def _watchers(state: State, message: Message) -> list[Application]:
    channel = message.channel
    if message.ephemeral_to is not None:
        return [message.interaction.application] if message.interaction else []
    if channel.guild_id is None:
        return [app for app in state.applications.values() if app.bot.id in channel.recipients]
    guild = state.guilds[channel.guild_id]
    return [app for app in state.bots_in(guild) if can(state, channel, app.bot, permissions.VIEW_CHANNEL)]


def can(state: State, channel: Channel, user: User, bits: int) -> bool:
    """Return True if the user has all these permission bits in the channel.

    In a DM, return True if the user takes part in it.
    """
    if channel.guild_id is None:
        return user.id in channel.recipients
    guild = state.guilds[channel.guild_id]
    member = guild.members.get(user.id)
    if member is None:
        return False
    return permissions.channel_permissions(guild, channel, member) & bits == bits


def require_send(state: State, channel: Channel, bot: User) -> None:
    """Raise Discord's refusal (50001, 50013, 50007 or 50278) if the bot may not post in the channel."""
    if not can(state, channel, bot, permissions.VIEW_CHANNEL):
        raise refusal(50001)
    if channel.guild_id is not None:
        if not can(state, channel, bot, permissions.SEND_MESSAGES):
            raise refusal(50013)
        return
    other = next(state.users[user_id] for user_id in channel.recipients if user_id != bot.id)
    if not other.dms_open:
        raise refusal(50007)
    shared = any(bot.id in guild.members and other.id in guild.members for guild in state.guilds.values())
    if not shared and bot.id not in other.installed_apps:
        raise refusal(50278)
