"""Routes with which an application answers interactions: the callback and the interaction's webhook."""

from __future__ import annotations

from standins.discord import interactions, wire
from standins.discord.model import Interaction, Message
from standins.discord.rest import NO_CONTENT, Answer, Call, route

_HOOK = "/webhooks/{webhook_id}/{webhook_token}"


def _true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1")


@route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", token_in_path=True)
def answer(call: Call) -> Answer:
    interaction_id, token = call.id("interaction_id"), call.args["interaction_token"]
    body = interactions.answer(call.world, interaction_id, token, call.object())
    return Answer(200, body) if _true(call.query.get("with_response")) else NO_CONTENT


def _interaction(call: Call) -> Interaction:
    return interactions.by_token(call.world, call.id("webhook_id"), call.args["webhook_token"])


def _shown(call: Call) -> tuple[Interaction, Message]:
    interaction = _interaction(call)
    message_id = call.id("message_id") if "message_id" in call.args else None
    return interaction, interactions.find_message(interaction, message_id)


@route("POST", _HOOK, token_in_path=True)
def follow_up(call: Call) -> Answer:
    """Post a follow-up, and return its message.

    An interaction's webhook returns it even without `wait`, as at Discord.
    """
    message = interactions.follow_up(call.world, _interaction(call), call.object())
    return Answer(200, wire.message_json(call.world, message))


@route("GET", _HOOK + "/messages/@original", token_in_path=True)
@route("GET", _HOOK + "/messages/{message_id}", token_in_path=True)
def get_shown(call: Call) -> Answer:
    return Answer(200, wire.message_json(call.world, _shown(call)[1]))


@route("PATCH", _HOOK + "/messages/@original", token_in_path=True)
@route("PATCH", _HOOK + "/messages/{message_id}", token_in_path=True)
def edit_shown(call: Call) -> Answer:
    interaction, message = _shown(call)
    interactions.edit(call.world, interaction, message, call.object())
    return Answer(200, wire.message_json(call.world, message))


@route("DELETE", _HOOK + "/messages/@original", token_in_path=True)
@route("DELETE", _HOOK + "/messages/{message_id}", token_in_path=True)
def delete_shown(call: Call) -> Answer:
    interactions.delete(call.world, *_shown(call))
    return NO_CONTENT
