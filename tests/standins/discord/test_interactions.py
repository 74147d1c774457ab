"""How an application may answer, and how it may not: by raw requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from standins.discord import CannotUseError, DiscordServer, NoAnswerError, cards, interactions
from standins.discord.model import Interaction
from tests.standins.discord.conftest import TOKEN, DiscordScene

Request = Callable[..., Awaitable[tuple[int, Any]]]
TEXT = {"type": 4, "data": {"content": "x"}}


@pytest.fixture
async def request_(server: DiscordServer) -> AsyncIterator[Request]:
    async with aiohttp.ClientSession() as session:

        async def send(method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
            headers = {"Authorization": f"Bot {token}"}
            url = server.rest_url + path
            async with session.request(method, url, json=body, headers=headers) as response:
                return response.status, None if response.status == 204 else await response.json()

        yield send


def modal(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": 9, "data": {"title": "x", "custom_id": "x", "components": rows}}


def started(scene: DiscordScene, kind: int = interactions.COMMAND) -> Interaction:
    channel = scene.guild.channel("general")
    data = {"id": "1", "name": "x", "type": 1, "options": []}
    return interactions.start(scene.world, kind, scene.app, scene.bob.user, channel, data)


def callback(interaction: Interaction) -> str:
    return f"/interactions/{interaction.id}/{interaction.token}/callback"


def hook(interaction: Interaction) -> str:
    return f"/webhooks/{interaction.application.id}/{interaction.token}"


async def test_a_second_response_to_an_interaction_is_refused(scene: DiscordScene, request_: Request) -> None:
    interaction = started(scene)
    assert await request_("POST", callback(interaction), TEXT) == (204, None)
    status, body = await request_("POST", callback(interaction), TEXT)
    assert (status, body["code"]) == (400, 40060)


async def test_with_response_returns_the_message_that_was_shown(
    scene: DiscordScene, request_: Request
) -> None:
    _, body = await request_("POST", callback(started(scene)) + "?with_response=true", TEXT)
    assert body["resource"]["message"]["content"] == "x"
    assert body["interaction"]["response_message_ephemeral"] is False
    _, body = await request_("POST", callback(started(scene)) + "?with_response=true", {"type": 5})
    assert body["interaction"]["response_message_loading"] is True


async def test_a_response_after_three_seconds_is_refused(scene: DiscordScene, request_: Request) -> None:
    scene.world.ack_seconds = 0
    interaction = started(scene)
    await asyncio.sleep(0.001)
    status, body = await request_("POST", callback(interaction), TEXT)
    assert (status, body["code"]) == (404, 10062)


async def test_an_unknown_interaction_token_is_refused(scene: DiscordScene, request_: Request) -> None:
    interaction = started(scene)
    status, body = await request_("POST", callback(interaction).replace(interaction.token, "x"), TEXT)
    assert (status, body["code"]) == (404, 10062)
    assert (await request_("POST", hook(interaction) + "x", {"content": "x"}))[1]["code"] == 10015


async def test_a_followup_before_the_first_response_is_refused(
    scene: DiscordScene, request_: Request
) -> None:
    status, body = await request_("POST", hook(started(scene)), {"content": "x"})
    assert (status, body["code"]) == (404, 10015)


async def test_an_interaction_token_expires_after_fifteen_minutes(
    scene: DiscordScene, request_: Request
) -> None:
    interaction = started(scene)
    await request_("POST", callback(interaction), TEXT)
    scene.world.clock.advance(14 * 60)  # type: ignore[attr-defined]  # the scene's clock can be turned
    assert (await request_("PATCH", hook(interaction) + "/messages/@original", {"content": "y"}))[0] == 200
    scene.world.clock.advance(2 * 60)  # type: ignore[attr-defined]  # the same
    status, body = await request_("PATCH", hook(interaction) + "/messages/@original", {"content": "z"})
    assert (status, body["code"]) == (401, 50027)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (interactions.COMMAND, {"type": 1}),
        (interactions.COMMAND, {"type": 6}),
        (interactions.COMMAND, {"type": 7, "data": {"content": "x"}}),
        (interactions.COMMAND, {"type": 8, "data": {"choices": []}}),
        (interactions.AUTOCOMPLETE, TEXT),
        (interactions.AUTOCOMPLETE, {"type": 8, "data": {"choices": [{"name": "x", "value": "x"}] * 26}}),
        (interactions.AUTOCOMPLETE, {"type": 8, "data": {"choices": [{"name": "x" * 101, "value": "x"}]}}),
        (interactions.MODAL_SUBMIT, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": []}}),
        (interactions.MODAL_SUBMIT, {"type": 7, "data": {"content": "x"}}),
        (interactions.COMMAND, {"type": 9, "data": {"title": "x" * 46, "custom_id": "x", "components": [1]}}),
        (interactions.COMMAND, {"type": 4, "data": {"content": "x" * 2001}}),
        (interactions.COMMAND, {}),
    ],
)
async def test_a_response_that_does_not_fit_the_interaction_is_refused(
    scene: DiscordScene, request_: Request, kind: int, answer: Any
) -> None:
    interaction = started(scene, kind)
    status, body = await request_("POST", callback(interaction), answer)
    assert (status, body["code"]) == (400, 50035)
    assert interaction.answer is None
    assert scene.bob.messages(scene.guild) == []


async def test_a_followup_to_a_public_response_can_be_ephemeral(
    scene: DiscordScene, request_: Request
) -> None:
    interaction = started(scene)
    await request_("POST", callback(interaction), TEXT)
    _, message = await request_("POST", hook(interaction), {"content": "psst", "flags": 64})
    assert message["flags"] == 64
    assert [card.text for card in scene.owner.messages(scene.guild)] == ["x"]
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    assert (await request_("GET", path))[1]["code"] == 10008
    assert (await request_("GET", f"{hook(interaction)}/messages/{message['id']}"))[1]["content"] == "psst"


async def test_deferring_fixes_whether_the_answer_is_ephemeral(
    scene: DiscordScene, request_: Request
) -> None:
    interaction = started(scene)
    await request_("POST", callback(interaction), {"type": 5})
    _, message = await request_(
        "PATCH", hook(interaction) + "/messages/@original", {"content": "y", "flags": 64}
    )
    assert (message["flags"], message["content"]) == (0, "y")


async def test_a_modal_with_plain_text_inputs_is_accepted(scene: DiscordScene, request_: Request) -> None:
    """A row around each text input, as before labels."""
    interaction = started(scene)
    field = {"type": 4, "custom_id": "why", "label": "Why?", "style": 1, "min_length": 2}
    rows = [{"type": 1, "components": [field]}, {"type": 10, "content": "Tell us."}]
    await request_("POST", callback(interaction), modal(rows))
    form = await cards.answered(scene.world, interaction)
    with pytest.raises(CannotUseError, match="takes 2 to 4000"):
        await form.submit_modal({"Why?": "x"})
    with pytest.raises(CannotUseError, match="no field 'Who'"):
        await form.submit_modal({"Why?": "because", "Who": "x"})
    with pytest.raises(CannotUseError, match="with a modal"):
        form.until(lambda now: now.text, "text").send(None)
    scene.world.ack_seconds = 0
    with pytest.raises(NoAnswerError):
        await form.submit_modal({"why": "because"})
    sent = list(scene.world.interactions.values())[-1]
    assert sent.data["components"][0]["components"][0]["value"] == "because"
    assert sent.data["components"][1] == {"type": 10, "id": 3}


@pytest.mark.parametrize("double", ["one", "two"])
async def test_modal_fields_need_ids_of_their_own(
    scene: DiscordScene, request_: Request, double: str
) -> None:
    fields = [{"type": 4, "custom_id": name, "label": "x", "style": 1} for name in ("one", double)]
    rows = [{"type": 1, "components": [field]} for field in fields]
    status, _ = await request_("POST", callback(started(scene)), modal(rows))
    assert status == (400 if double == "one" else 204)


async def test_a_deleted_response_is_gone(scene: DiscordScene, request_: Request) -> None:
    interaction = started(scene)
    await request_("POST", callback(interaction), TEXT)
    original = hook(interaction) + "/messages/@original"
    assert (await request_("GET", original))[0] == 200
    assert await request_("DELETE", original) == (204, None)
    assert (await request_("GET", original))[1]["code"] == 10008
    assert scene.bob.messages(scene.guild) == []
