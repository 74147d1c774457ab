"""Interactions: people start them, the application answers once and can follow up for 15 minutes.

Source: Discord's developer documentation, "Receiving and Responding to Interactions".
"""

from __future__ import annotations

import asyncio
import secrets

from standins.discord import chat, permissions, wire
from standins.discord.commands import context_of, owners
from standins.discord.components import check_length, check_modal
from standins.discord.errors import ApiError, CannotUseError, Form, refusal
from standins.discord.model import (
    EPHEMERAL,
    LOADING,
    Application,
    Channel,
    Interaction,
    Json,
    Message,
    User,
)
from standins.discord.state import State

PING, COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 1, 2, 3, 4, 5
REPLY, DEFERRED_REPLY, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
TOKEN_LIFE = 15 * 60

_ANSWERS = {
    COMMAND: (REPLY, DEFERRED_REPLY, MODAL),
    COMPONENT: (REPLY, DEFERRED_REPLY, DEFERRED_UPDATE, UPDATE, MODAL),
    AUTOCOMPLETE: (CHOICES,),
    MODAL_SUBMIT: (REPLY, DEFERRED_REPLY, DEFERRED_UPDATE, UPDATE),
}


def start(
    state: State,
    kind: int,
    app: Application,
    user: User,
    channel: Channel,
    data: Json,
    *,
    message: Message | None = None,
    opened_by: Interaction | None = None,
) -> Interaction:
    """Create an interaction and send it to the application's bot."""
    guild = state.guilds[channel.guild_id] if channel.guild_id is not None else None
    _require_place(state, app, user, channel)
    context = context_of(app, channel)
    interaction = Interaction(
        id=state.snowflake(),
        token=secrets.token_urlsafe(64),
        type=kind,
        application=app,
        user=user,
        channel=channel,
        guild=guild,
        context=context,
        data=data,
        created_at=state.clock.now(),
        deadline=asyncio.get_running_loop().time() + state.ack_seconds,
        message=message,
        owners=owners(state, app, user, guild, context),
        opened_by=opened_by,
    )
    state.interactions[interaction.id] = state.tokens[interaction.token] = interaction
    payload = wire.interaction_json(state, interaction, _app_permissions(interaction))
    state.hub.dispatch(app, "INTERACTION_CREATE", payload)
    _publish(state, "interaction_created", interaction, type=kind, data=data)
    return interaction


def _require_place(state: State, app: Application, user: User, channel: Channel) -> None:
    """Refuse unless the person is in this channel's server and the application is installed."""
    if channel.guild_id is None:
        return
    guild = state.guilds[channel.guild_id]
    if user.id not in guild.members:
        raise CannotUseError(f"{user.name} is not a member of {guild.name} any more.")
    if not chat.can(state, channel, user, permissions.VIEW_CHANNEL):
        raise CannotUseError(f"{user.name} does not see #{channel.name}.")
    if app.bot.id not in guild.members and app.id not in user.installed_apps:
        raise CannotUseError(f"{app.name} is not in {guild.name} any more.")


def _app_permissions(interaction: Interaction) -> int:
    guild = interaction.guild
    if guild is None:
        return permissions.IN_A_DM
    bot = guild.members.get(interaction.application.bot.id)
    if bot is None:
        return permissions.IN_A_DM
    return permissions.channel_permissions(guild, interaction.channel, bot)


def _publish(state: State, kind: str, interaction: Interaction, **facts: object) -> None:
    state.publish(
        kind,
        interaction_id=interaction.id,
        application_id=interaction.application.id,
        user_id=interaction.user.id,
        guild_id=interaction.guild.id if interaction.guild else None,
        channel_id=interaction.channel.id,
        **facts,
    )


def answer(state: State, interaction_id: int, token: str, body: Json) -> Json:
    """Accept the application's first answer; return the InteractionCallbackResponse.

    Raises ApiError 10062 for an unknown token or after the deadline, 40060 if it was answered already,
    50035 for a body that is invalid.
    """
    interaction = state.interactions.get(interaction_id)
    now = asyncio.get_running_loop().time()
    if interaction is None or interaction.token != token:
        raise refusal(10062)
    if interaction.answer is not None:
        raise refusal(40060)
    if now > interaction.deadline:
        raise refusal(10062)
    kind = body.get("type")
    if kind not in _ANSWERS[interaction.type] or (kind == UPDATE and interaction.message is None):
        raise ApiError(400, 50035, "Invalid Form Body", _wrong_type(interaction.type))
    shown = _take(state, interaction, kind, body.get("data") or {})
    interaction.answer = kind
    _publish(state, "interaction_answered", interaction, answer=kind)
    return _callback_json(state, interaction, shown)


def _wrong_type(kind: int) -> Json:
    message = f"Value must be one of {_ANSWERS[kind]}."
    return {"type": {"_errors": [{"code": "BASE_TYPE_CHOICES", "message": message}]}}


def _take(state: State, interaction: Interaction, kind: int, data: Json) -> Message | None:
    """Carry out an answer, and return the message that it shows; None if it shows none."""
    if kind in (REPLY, DEFERRED_REPLY):
        message = _new_message(state, interaction, data.get("flags") or 0)
        if kind == DEFERRED_REPLY:
            message.flags |= LOADING
        else:
            chat.apply_body(state, message, data, path=("data",))
        interaction.original = message
        chat.post(state, message)
        return message
    if kind in (UPDATE, DEFERRED_UPDATE):
        interaction.original = interaction.message
        if kind == UPDATE and interaction.message is not None:
            chat.apply_body(state, interaction.message, data, path=("data",))
            _edited(state, interaction, interaction.message)
        return interaction.message
    form = Form()
    if kind == MODAL:
        interaction.modal = check_modal(form, data)
    else:
        interaction.choices = _choices(form, data.get("choices") or [])
    form.check()
    return None


def _choices(form: Form, choices: list[Json]) -> list[Json]:
    check_length(form, ("data", "choices"), choices, 0, 25)
    for place, choice in enumerate(choices):
        path = ("data", "choices", place)
        check_length(form, (*path, "name"), choice.get("name") or "", 1, 100)
        check_length(form, (*path, "value"), str(choice.get("value", "")), 1, 100)
    return choices


def _new_message(state: State, interaction: Interaction, flags: int) -> Message:
    ephemeral = bool(flags & EPHEMERAL)
    return Message(
        id=state.snowflake(),
        channel=interaction.channel,
        author=interaction.application.bot,
        created_at=state.clock.now(),
        flags=EPHEMERAL if ephemeral else 0,
        type=20 if interaction.type == COMMAND and interaction.original is None else 0,
        ephemeral_to=interaction.user.id if ephemeral else None,
        interaction=interaction,
    )


def _edited(state: State, interaction: Interaction, message: Message) -> None:
    message.edited_at = state.clock.now()
    message.edited_by = interaction
    interaction.changes += 1
    chat.changed(state, message)


def _callback_json(state: State, interaction: Interaction, shown: Message | None) -> Json:
    body: Json = {
        "id": str(interaction.id),
        "type": interaction.type,
        "channel_id": str(interaction.channel.id),
    }
    if interaction.guild is not None:
        body["guild_id"] = str(interaction.guild.id)
    if shown is None:
        return {"interaction": body}
    body["response_message_id"] = str(shown.id)
    body["response_message_loading"] = bool(shown.flags & LOADING)
    body["response_message_ephemeral"] = shown.ephemeral_to is not None
    if interaction.answer not in (REPLY, UPDATE):
        return {"interaction": body}
    resource = {"type": interaction.answer, "message": wire.message_json(state, shown)}
    return {"interaction": body, "resource": resource}


# The interaction's webhook: https://discord.com/developers/docs "Followup Messages"


def by_token(state: State, app_id: int, token: str) -> Interaction:
    """Return the interaction of a webhook URL.

    Raises ApiError 10015 for an unknown token, and 50027 after 15 minutes or before the first answer.
    """
    interaction = state.tokens.get(token)
    if interaction is None or interaction.application.id != app_id or interaction.answer is None:
        raise refusal(10015)
    if interaction.created_at + TOKEN_LIFE < state.clock.now():
        raise refusal(50027)
    return interaction


def follow_up(state: State, interaction: Interaction, body: Json) -> Message:
    """Post a follow-up message; after a deferred answer, the first one replaces its loading message."""
    original = interaction.original
    if original is not None and original.flags & LOADING:
        return edit(state, interaction, original, body)
    message = _new_message(state, interaction, body.get("flags") or 0)
    chat.apply_body(state, message, body)
    if original is not None:
        message.reply_to = original.id
    interaction.followups.append(message)
    interaction.changes += 1
    chat.post(state, message)
    return message


def find_message(interaction: Interaction, message_id: int | None) -> Message:
    """Return the first answer (`message_id` None) or a follow-up. Raises ApiError 10008 if there is none."""
    shown = [interaction.original, *interaction.followups]
    for message in shown if message_id is not None else shown[:1]:
        if message is not None and not message.deleted and message_id in (None, message.id):
            return message
    raise refusal(10008)


def edit(state: State, interaction: Interaction, message: Message, body: Json) -> Message:
    """Edit a message of this interaction.

    The first edit of a deferred answer replaces its loading message.
    """
    loading = message.flags & LOADING
    kept = {"flags": (body.get("flags") or 0) & ~EPHEMERAL}
    message.flags &= ~LOADING
    try:
        chat.apply_body(state, message, body | kept)
    except ApiError:
        message.flags |= loading
        raise
    _edited(state, interaction, message)
    return message


def delete(state: State, interaction: Interaction, message: Message) -> None:
    """Delete a message with which the application answered this interaction."""
    interaction.changes += 1
    chat.remove(state, message)
