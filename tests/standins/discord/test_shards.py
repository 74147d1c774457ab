"""Discord's shards: each is told of its servers, and of direct messages only the first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from standins.clock import MovableClock
from standins.discord import DiscordServer, gateway
from standins.discord.model import Guild
from tests.standins.discord.conftest import DiscordScene
from tests.standins.discord.test_gateway import JSON, Raw

Connect = Callable[..., Awaitable[Raw]]


@pytest.fixture
async def connect(server: DiscordServer) -> AsyncIterator[Connect]:
    """Connects and identifies as one of some shards."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def identify(*shard: Any) -> Raw:
            raw = Raw(await stack.enter_async_context(session.ws_connect(server.gateway_url + JSON)))
            await raw.identify(shard=list(shard), intents=1 | 1 << 12)
            return raw

        yield identify


def add_servers(scene: DiscordScene, many: int) -> list[Guild]:
    """Servers with the bot, each on the shard after that of the one before."""
    guilds: list[Guild] = []
    clock = scene.world.clock
    assert isinstance(clock, MovableClock)
    for n in range(many):
        clock.advance(0.001)
        guilds.append(scene.world.add_guild(f"Server {n}", scene.owner))
        scene.world.install(scene.app, guilds[-1])
    return guilds


async def test_each_shard_is_told_of_its_own_servers(scene: DiscordScene, connect: Connect) -> None:
    scene.world.max_concurrency = 2
    guilds = add_servers(scene, 5)
    for number in range(2):
        raw = await connect(number, 2)
        ready = await raw.event("READY")
        assert ready["d"]["shard"] == [number, 2]
        own = {g.id for g in (scene.guild, *guilds) if (g.id >> 22) % 2 == number}
        assert {int(g["id"]) for g in ready["d"]["guilds"]} == own
    (first, second) = scene.world.hub.of(scene.app)
    for guild in guilds:
        before = (first.seq, second.seq)
        scene.world.add_role(guild, "Silver")
        told = [first.seq > before[0], second.seq > before[1]]
        assert told[(guild.id >> 22) % 2]
        assert not told[1 - (guild.id >> 22) % 2]


async def test_a_direct_message_is_told_to_the_first_shard(scene: DiscordScene, connect: Connect) -> None:
    scene.world.max_concurrency = 2
    for number in range(2):
        await (await connect(number, 2)).event("READY")
    assert [s.shard for s in scene.world.hub.told(scene.app, None)] == [(0, 2)]


async def test_too_many_servers_on_one_shard_close_it(
    scene: DiscordScene, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "MOST_GUILDS", 5)
    add_servers(scene, 5)
    assert await (await connect(0, 1)).close_code() == 4011
    await (await connect(0, 1_000)).event("READY")  # however the ids fall, a thousandth of six is not six


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0,), ("0", "1")])
async def test_a_shard_that_does_not_exist_is_refused(connect: Connect, shard: tuple[Any, ...]) -> None:
    assert await (await connect(*shard)).close_code() == 4010


async def test_a_second_shard_of_a_group_has_to_wait(scene: DiscordScene, connect: Connect) -> None:
    scene.world.max_concurrency = 2
    await (await connect(0, 4)).event("READY")
    await (await connect(1, 4)).event("READY")
    early = await connect(2, 4)
    await early.socket.receive_json(timeout=10)  # hello
    assert (await early.socket.receive_json(timeout=10))["op"] == 9
