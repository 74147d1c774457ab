"""The gateway: by discord.py, and by hand where discord.py never errs."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from standins.discord import DiscordServer
from standins.discord.packing import packer
from tests.standins.discord.conftest import TOKEN, DiscordScene, Login
from tests.standins.discord.small_bot import SmallBot


async def test_a_client_resumes_a_dropped_connection_without_losing_events(
    scene: DiscordScene, bot: SmallBot
) -> None:
    scene.world.hub.drop(scene.app)
    reply = await scene.bob.run(scene.guild, "hello")
    assert reply.text.startswith("Hello")
    await bot.hears("resumed")
    assert scene.app.identifies == 1


async def test_a_client_asked_to_reconnect_resumes(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.hub.ask_to_reconnect(scene.app)
    await bot.hears("resumed")
    assert (await scene.bob.run(scene.guild, "hello")).ephemeral


async def test_a_client_with_an_invalid_session_identifies_again(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.hub.invalidate(scene.app)
    await scene.world.until(lambda: scene.app.identifies == 2 or None, "the second IDENTIFY")
    assert (await scene.bob.run(scene.guild, "hello")).ephemeral


async def test_a_forgotten_session_cannot_be_resumed(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.hub.forget(scene.app)
    await scene.world.until(lambda: scene.app.identifies == 2 or None, "the second IDENTIFY")
    assert "resumed" not in bot.heard


async def test_a_client_reconnects_after_a_gateway_outage(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    await server.stop()
    await server.start()
    assert (await scene.bob.run(scene.guild, "hello")).ephemeral


async def test_a_privileged_intent_that_is_not_enabled_is_refused(scene: DiscordScene, login: Login) -> None:
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await login(SmallBot(discord.Intents(guilds=True, members=True)))


async def test_an_outage_of_one_server_is_announced_to_the_client(scene: DiscordScene, bot: SmallBot) -> None:
    feed = scene.world.subscribe()
    scene.world.close_guild(scene.guild)
    scene.world.open_guild(scene.guild)
    assert [feed.get_nowait()["kind"] for _ in range(2)] == ["guild_closed", "guild_opened"]
    assert (await scene.bob.run(scene.guild, "hello")).text.startswith("Hello! in Pottery")


JSON = "?v=10&encoding=json"


class Raw:
    """A gateway client that does as it is told."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_json({"op": op, "d": data})

    async def event(self, name: str) -> dict[str, Any]:
        while True:
            packet = await self.socket.receive_json(timeout=10)
            if packet["t"] == name:
                return dict(packet)

    async def close_code(self) -> int | None:
        while not self.socket.closed:
            await self.socket.receive(timeout=10)
        return self.socket.close_code

    async def identify(self, **changes: Any) -> None:
        await self.send(2, {"token": TOKEN, "intents": 1, "properties": {}} | changes)


@pytest.fixture
async def raw(server: DiscordServer) -> AsyncIterator[Raw]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.gateway_url + JSON) as socket,
    ):
        yield Raw(socket)


async def test_a_client_gets_hello_heartbeats_and_ready(scene: DiscordScene, raw: Raw) -> None:
    hello = await raw.socket.receive_json(timeout=10)
    assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41250)
    await raw.send(1, None)
    assert (await raw.socket.receive_json(timeout=10))["op"] == 11
    await raw.identify()
    ready = await raw.event("READY")
    assert ready["s"] == 1
    assert ready["d"]["guilds"] == [{"id": str(scene.guild.id), "unavailable": True}]
    created = await raw.event("GUILD_CREATE")
    assert [member["user"]["id"] for member in created["d"]["members"]] == [str(scene.app.bot.id)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"intents": 1 | 2}, 4014),
        ({"intents": 1 | 1 << 15}, 4014),
        ({"intents": 1 << 40}, 4013),
        ({"intents": None}, 4013),
    ],
)
async def test_a_bad_identify_is_refused(raw: Raw, changes: dict[str, Any], code: int) -> None:
    await raw.identify(**changes)
    assert await raw.close_code() == code


async def test_identifying_twice_is_refused(raw: Raw) -> None:
    await raw.identify()
    await raw.identify()
    assert await raw.close_code() == 4005


@pytest.mark.parametrize(("text", "code"), [("{", 4002), ("[]", 4002), ('{"op":3}', 4003)])
async def test_an_unreadable_gateway_message_is_refused(raw: Raw, text: str, code: int) -> None:
    await raw.socket.send_str(text)
    assert await raw.close_code() == code


async def test_a_resume_replays_what_was_missed(scene: DiscordScene, raw: Raw, server: DiscordServer) -> None:
    await raw.identify()
    session_id = (await raw.event("READY"))["d"]["session_id"]
    created = await raw.event("GUILD_CREATE")
    await raw.socket.close()
    scene.world.rename_role(scene.gold, "Golden")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.gateway_url + JSON) as socket,
    ):
        again = Raw(socket)
        await again.send(6, {"token": TOKEN, "session_id": session_id, "seq": created["s"]})
        missed = await again.event("GUILD_ROLE_UPDATE")
        assert (missed["s"], missed["d"]["role"]["name"]) == (created["s"] + 1, "Golden")
        assert (await again.event("RESUMED"))["s"] == created["s"] + 2


@pytest.mark.parametrize("strange", ["session", "number", "application"])
async def test_a_resume_with_wrong_values_is_refused(
    scene: DiscordScene, raw: Raw, server: DiscordServer, strange: str
) -> None:
    scene.world.add_application("other.token", name="Other")
    await raw.identify()
    session_id = (await raw.event("READY"))["d"]["session_id"]
    await raw.socket.close()
    changes: dict[str, dict[str, Any]] = {
        "session": {"session_id": "x"},
        "number": {"seq": 99},
        "application": {"token": "other.token"},
    }
    asked = {"token": TOKEN, "session_id": session_id, "seq": 1} | changes[strange]
    async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url + JSON) as socket:
        await Raw(socket).send(6, asked)
        hello, refused = [await socket.receive_json(timeout=10) for _ in range(2)]
    assert (hello["op"], refused["op"], refused["d"]) == (10, 9, False)


async def test_events_can_be_compressed_with_zlib(server: DiscordServer) -> None:
    inflate = zlib.decompressobj()
    url = server.gateway_url + "?v=10&encoding=json&compress=zlib-stream"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        first = await socket.receive_bytes(timeout=10)
        assert first.endswith(b"\x00\x00\xff\xff")
        assert json.loads(inflate.decompress(first))["op"] == 10
        await Raw(socket).identify()
        packets = [await socket.receive_bytes(timeout=10) for _ in range(2)]
    assert [json.loads(inflate.decompress(packet))["t"] for packet in packets] == ["READY", "GUILD_CREATE"]


async def test_events_can_be_compressed_with_zstd(server: DiscordServer) -> None:
    """Clients on Python 3.14 ask for one stream of zstd; a server whose Python has none sends text."""
    pack = packer("zstd-stream")
    async with aiohttp.ClientSession() as session:
        url = server.gateway_url + JSON + "&compress=zstd-stream"
        async with session.ws_connect(url) as socket:
            first = await socket.receive(timeout=10)
    assert first.type is (aiohttp.WSMsgType.TEXT if pack is None else aiohttp.WSMsgType.BINARY)
    assert pack is None or first.data[:4] == b"\x28\xb5\x2f\xfd"


async def test_members_are_fetched_over_the_gateway(scene: DiscordScene, bot: SmallBot) -> None:
    guild = bot.get_guild(scene.guild.id)
    assert guild is not None
    by_name = await guild.query_members("BO")
    assert {member.name for member in by_name} == {"bob", "Bot"}
    by_id = await guild.query_members(user_ids=[scene.owner.id, 1])
    assert [member.name for member in by_id] == ["ada"]


async def test_all_members_are_not_fetched_without_the_intent(raw: Raw, scene: DiscordScene) -> None:
    await raw.identify()
    await raw.send(8, {"guild_id": str(scene.guild.id), "query": "", "limit": 0})
    assert await raw.close_code() == 4014


async def test_members_of_a_large_server_arrive_in_chunks(scene: DiscordScene, raw: Raw) -> None:
    scene.app.members_intent = True
    for number in range(1100):
        scene.world.add_member(scene.guild, scene.world.add_user(f"user{number}"))
    await raw.identify(intents=3)
    await raw.send(8, {"guild_id": str(scene.guild.id), "query": "", "limit": 0, "nonce": "n"})
    chunks = [(await raw.event("GUILD_MEMBERS_CHUNK"))["d"] for _ in range(2)]
    assert [len(chunk["members"]) for chunk in chunks] == [1000, 103]
    assert [(chunk["chunk_index"], chunk["chunk_count"], chunk["nonce"]) for chunk in chunks] == [
        (0, 2, "n"),
        (1, 2, "n"),
    ]


async def test_an_unknown_opcode_is_refused(raw: Raw) -> None:
    await raw.identify()
    await raw.send(99, {})
    assert await raw.close_code() == 4001


async def test_a_connection_without_heartbeats_is_closed(scene: DiscordScene) -> None:
    server = DiscordServer(scene.world, heartbeat_interval=0.01)
    await server.start(0)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(server.gateway_url + JSON) as socket,
        ):
            assert await Raw(socket).close_code() == 4009
    finally:
        await server.stop()


@pytest.mark.parametrize(("asked", "code"), [("?v=10&compress=lzma", 4002), ("?v=10&encoding=etf", 4012)])
async def test_an_unsupported_gateway_encoding_is_refused(
    server: DiscordServer, asked: str, code: int
) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url + asked) as socket:
        assert await Raw(socket).close_code() == code


async def test_another_gateway_version_is_refused(server: DiscordServer) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url + "?v=9") as socket:
        assert await Raw(socket).close_code() == 4012
