"""Messages: channels, DMs, who may write where, and what a body may hold."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import discord
import pytest

from standins.discord import CannotUseError, DiscordServer, permissions
from tests.standins.discord.conftest import TOKEN, DiscordScene
from tests.standins.discord.small_bot import SmallBot, counter

V2 = 1 << 15


async def test_a_button_in_a_dm_can_be_pressed(scene: DiscordScene, bot: SmallBot) -> None:
    user = await bot.fetch_user(scene.bob.id)
    sent = await user.send(view=counter(scene.bob.id, 5))
    card = await scene.bob.dm_containing("Counted to 5")
    await card.press("Count 5")
    assert card.text.startswith("Counted to 6")
    assert card.pings == [scene.bob.user.mention]
    await sent.delete()
    assert scene.bob.dms == []
    with pytest.raises(CannotUseError, match="gone"):
        await card.press("Count 6")


async def test_a_dm_to_a_person_with_closed_dms_is_refused(scene: DiscordScene, bot: SmallBot) -> None:
    user = await bot.fetch_user(scene.bob.id)
    scene.world.close_dms(scene.bob)
    with pytest.raises(discord.Forbidden) as refused:
        await user.send("hello")
    assert refused.value.code == 50007
    scene.world.open_dms(scene.bob)
    await user.send("hello")
    assert (await scene.bob.dm_containing("hello")).text == "hello"


async def test_a_dm_to_a_person_without_a_shared_server_is_refused(
    scene: DiscordScene, bot: SmallBot
) -> None:
    scene.world.remove_member(scene.guild, scene.bob)
    user = await bot.fetch_user(scene.bob.id)
    with pytest.raises(discord.Forbidden) as refused:
        await user.send("hello")
    assert refused.value.code == 50278
    scene.world.install_to_user(scene.app, scene.bob)
    await user.send("hello")


async def test_a_channel_message_is_posted_edited_read_and_deleted(
    scene: DiscordScene, bot: SmallBot
) -> None:
    channel = await bot.fetch_channel(scene.guild.channel("general").id)
    assert isinstance(channel, discord.TextChannel)
    sent = await channel.send("one", embed=discord.Embed(title="Title", description="Body"))
    await sent.edit(content="two")
    assert (await channel.fetch_message(sent.id)).content == "two"
    await sent.reply("three")
    scene.bob.say(scene.guild, "four")
    assert [message.content async for message in channel.history()] == ["", "three", "two"]
    assert [card.text for card in scene.bob.messages(scene.guild)] == ["two\nTitle\nBody", "three", "four"]
    await sent.delete()
    with pytest.raises(discord.NotFound) as refused:
        await channel.fetch_message(sent.id)
    assert refused.value.code == 10008


async def test_a_message_to_a_channel_without_permission_is_refused(
    scene: DiscordScene, bot: SmallBot
) -> None:
    hidden = scene.world.add_channel(scene.guild, "staff", private=True)
    with pytest.raises(discord.Forbidden) as refused:
        await bot.http.send_message(hidden.id, params=discord.http.handle_message_parameters("x"))
    assert refused.value.code == 50001
    read_only = (permissions.SEND_MESSAGES, permissions.VIEW_CHANNEL)
    hidden.overwrites[scene.app.bot.id] = read_only
    with pytest.raises(discord.Forbidden) as refused:
        await bot.http.send_message(hidden.id, params=discord.http.handle_message_parameters("x"))
    assert refused.value.code == 50013
    assert scene.owner.messages(hidden) == []
    with pytest.raises(CannotUseError, match="sees no such channel"):
        scene.bob.messages(hidden)


async def test_allowed_mentions_decide_who_is_pinged(scene: DiscordScene, bot: SmallBot) -> None:
    channel = await bot.fetch_channel(scene.guild.channel("general").id)
    assert isinstance(channel, discord.TextChannel)
    text = f"<@{scene.bob.id}> <@&{scene.gold.id}> @everyone"
    for allowed in (None, discord.AllowedMentions.none(), discord.AllowedMentions(users=[scene.bob.user])):
        await channel.send(text, allowed_mentions=allowed or discord.AllowedMentions())
    everybody, nobody, one = scene.owner.messages(scene.guild)
    assert everybody.pings == [scene.bob.user.mention, f"<@&{scene.gold.id}>", "@everyone"]
    assert nobody.pings == []
    assert one.pings[0] == scene.bob.user.mention


# Raw requests: what discord.py would not send

Post = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def post(scene: DiscordScene, server: DiscordServer) -> AsyncIterator[Post]:
    """Posts a body into #general; gives status and JSON answer."""

    async def send(body: Any, **headers: str) -> tuple[int, Any]:
        url = f"{server.rest_url}/channels/{scene.guild.channel('general').id}/messages"
        sent = {"Authorization": f"Bot {TOKEN}"} | headers
        async with session.post(url, json=body, headers=sent) as response:
            assert response.headers["Content-Type"] == "application/json"
            return response.status, await response.json()

    async with aiohttp.ClientSession() as session:
        yield send


def faults(tree: Any) -> set[str]:
    """All fault codes in Discord's tree of form errors."""
    if "_errors" in tree:
        return {fault["code"] for fault in tree["_errors"]}
    return set().union(*(faults(branch) for branch in tree.values())) if tree else set()


def text(content: str = "x") -> dict[str, Any]:
    return {"type": 10, "content": content}


def button(custom_id: str | None = "a", **changes: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "x", "custom_id": custom_id} | changes


def row(*children: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(children)}


def select(**changes: Any) -> dict[str, Any]:
    return {"type": 3, "custom_id": "s", "options": [{"label": "x", "value": "x"}]} | changes


BAD_COMPONENTS = [
    ([text()] * 41, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"),
    ([{"type": 17, "components": [text()] * 40}], "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"),
    ([text("x" * 2001), text("x" * 2000)], "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"),
    ([row(button("a"), button("a"))], "COMPONENT_CUSTOM_ID_DUPLICATED"),
    ([row(button("a")), row(button("a"))], "COMPONENT_CUSTOM_ID_DUPLICATED"),
    ([row(button("a" * 101))], "BASE_TYPE_BAD_LENGTH"),
    ([row(button(label="x" * 81))], "BASE_TYPE_BAD_LENGTH"),
    ([row(button(label=None))], "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED"),
    ([row(button(style=5))], "BUTTON_COMPONENT_CUSTOM_ID_AND_URL"),
    ([row(button(style=5, custom_id=None, url="ftp://x.y"))], "URL_TYPE_INVALID_URL"),
    ([row(button(style=5, custom_id=None, url="https://x.y/" + "x" * 512))], "BASE_TYPE_BAD_LENGTH"),
    ([row(button(url="https://x.y"))], "BUTTON_COMPONENT_INVALID_URL"),
    ([row(button(style=9))], "BASE_TYPE_CHOICES"),
    ([row()], "BASE_TYPE_BAD_LENGTH"),
    ([row(*(button(str(n)) for n in range(6)))], "BASE_TYPE_BAD_LENGTH"),
    ([row(select(), button())], "COMPONENT_LAYOUT_WIDTH_EXCEEDED"),
    ([row(select(options=[]))], "BASE_TYPE_BAD_LENGTH"),
    ([row(select(options=[{"label": "x", "value": "x"}] * 2))], "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED"),
    ([row(select(min_values=3, max_values=2))], "SELECT_COMPONENT_MIN_MAX_VALUES"),
    ([button()], "UNION_TYPE_CHOICES"),
    ([{"type": 17, "components": [{"type": 17, "components": [text()]}]}], "UNION_TYPE_CHOICES"),
    ([{"type": 9, "components": [text()]}], "UNION_TYPE_CHOICES"),
    ([text("")], "BASE_TYPE_BAD_LENGTH"),
    ([], "BASE_TYPE_REQUIRED"),
]


@pytest.mark.parametrize(("components", "code"), BAD_COMPONENTS)
async def test_invalid_components_are_refused(
    scene: DiscordScene, post: Post, components: Any, code: str
) -> None:
    status, body = await post({"flags": V2, "components": components})
    assert (status, body["code"]) == (400, 50035)
    assert code in faults(body["errors"])
    assert scene.owner.messages(scene.guild) == []


@pytest.mark.parametrize(
    "components",
    [
        [text("x" * 2000), text("x" * 2000)],
        [text()] * 40,
        [{"type": 9, "components": [text()], "accessory": button()}],
        [{"type": 12, "items": [{"media": {"url": "https://example.com/a.png"}}]}],
        [
            row(select(max_values=25, min_values=0, placeholder="x" * 150)),
            row(button("a" * 100, label="x" * 80)),
        ],
        [row({"type": 5, "custom_id": "u"}), {"type": 14, "divider": False, "spacing": 2}],
    ],
)
async def test_valid_components_are_accepted(scene: DiscordScene, post: Post, components: Any) -> None:
    status, body = await post({"flags": V2, "components": components})
    assert status == 200, body
    assert [part["type"] for part in body["components"]] == [part["type"] for part in components]
    assert len({part["id"] for part in body["components"]}) == len(components)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"flags": V2, "components": [text()], "content": "x"}, 50035),
        ({"flags": V2, "components": [text()], "embeds": [{"title": "x"}]}, 50035),
        ({"components": [text()]}, 50035),
        ({"components": [row(button(str(n))) for n in range(6)]}, 50035),
        ({"content": "x" * 2001}, 50035),
        ({"embeds": [{"title": "x" * 257}]}, 50035),
        ({"embeds": [{"description": "x" * 4000}] * 2}, 50035),
        ({"content": ""}, 50006),
        ({}, 50006),
        ([], 50035),
    ],
)
async def test_an_invalid_message_body_is_refused(post: Post, body: Any, code: int) -> None:
    status, answer = await post(body)
    assert (status, answer["code"]) == (400, code)


async def test_message_routes_refuse_foreign_messages_and_bad_parameters(
    scene: DiscordScene, server: DiscordServer, post: Post
) -> None:
    said = scene.bob.say(scene.guild, "mine").message
    own = (await post({"content": "own"}))[1]
    base = f"{server.rest_url}/channels/{said.channel.id}"
    cases = [
        ("PATCH", f"/messages/{said.id}", 403, 50005),
        ("DELETE", f"/messages/{said.id}", 403, 50013),
        ("GET", "/messages?limit=0", 400, 50035),
        ("GET", "/messages/abc", 400, 50035),
        ("GET", "/messages/1", 404, 10008),
        ("POST", "/typing", 204, None),
        ("DELETE", f"/messages/{own['id']}", 204, None),
    ]
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for method, path, status, code in cases:
            body = {"content": "x"} if method == "PATCH" else None
            async with session.request(method, base + path, json=body) as response:
                told = None if response.status == 204 else (await response.json())["code"]
                assert (method, path, response.status, told) == (method, path, status, code)


async def test_the_gateway_route_returns_the_gateways_address(server: DiscordServer) -> None:
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in ("/gateway", "/gateway/bot"):
            async with session.get(server.rest_url + path) as response:
                assert (await response.json())["url"] == server.gateway_url


async def test_a_message_with_a_file_is_sent_as_a_form(scene: DiscordScene, bot: SmallBot) -> None:
    channel = await bot.fetch_channel(scene.guild.channel("general").id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send("see the file", file=discord.File(io.BytesIO(b"x"), "a.txt"))
    (card,) = scene.owner.messages(scene.guild)
    assert card.text == "see the file"
    assert [(part["filename"], part["size"]) for part in card.message.attachments] == [("a.txt", 1)]


async def test_a_request_without_a_token_is_refused(post: Post) -> None:
    assert await post({"content": "x"}, Authorization="") == (
        401,
        {"message": "401: Unauthorized", "code": 0},
    )
    assert (await post({"content": "x"}, Authorization=TOKEN))[0] == 401


async def test_a_request_with_another_content_type_is_refused(post: Post) -> None:
    status, body = await post({"content": "x"}, **{"Content-Type": "text/plain"})
    assert faults(body["errors"]) == {"CONTENT_TYPE_INVALID"}
    assert status == 400


async def test_a_request_with_invalid_json_is_refused(scene: DiscordScene, server: DiscordServer) -> None:
    headers = {"Authorization": f"Bot {TOKEN}", "Content-Type": "application/json"}
    url = f"{server.rest_url}/channels/{scene.guild.channel('general').id}/messages"
    async with aiohttp.ClientSession() as session, session.post(url, data="{", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (400, 50109)


async def test_an_unknown_route_is_reported(scene: DiscordScene, server: DiscordServer) -> None:
    feed = scene.world.subscribe()
    url = f"{server.rest_url}/stage-instances/1"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, await response.json()) == (404, {"message": "404: Not Found", "code": 0})
    assert feed.get_nowait()["kind"] == "unknown_route"
