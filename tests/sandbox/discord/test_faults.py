"""Ordered trouble, as discord.py meets it."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest

from standins.discord import DiscordServer
from tests.sandbox.discord.conftest import TOKEN, Town
from tests.sandbox.discord.small_bot import SmallBot

GRANT = "/guilds/*/members/*/roles/*"


async def grant(bot: SmallBot, town: Town) -> None:
    await bot.http.add_role(town.guild.id, town.bob.id, town.gold.id)


def has_gold(town: Town) -> bool:
    return town.world.roles_of(town.guild, town.bob) == ["Gold"]


@pytest.mark.parametrize("is_global", [False, True])
async def test_a_rate_limit_is_waited_out(
    town: Town, bot: SmallBot, server: DiscordServer, is_global: bool
) -> None:
    fault = server.faults.rate_limit("PUT", GRANT, retry_after=0.01, is_global=is_global, times=2)
    await grant(bot, town)
    assert fault.struck == 2
    assert has_gold(town)


async def test_a_ban_by_the_edge_is_not_retried(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    fault = server.faults.rate_limit("PUT", GRANT, via=False)
    with pytest.raises(discord.HTTPException) as refused:
        await grant(bot, town)
    assert (refused.value.status, fault.struck) == (429, 1)
    assert not has_gold(town)


async def test_an_error_answer(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    server.faults.fail("PUT", GRANT, 503)
    with pytest.raises(discord.DiscordServerError):
        await grant(bot, town)
    assert not has_gold(town)
    await grant(bot, town)
    assert has_gold(town)


async def test_an_answer_that_lies(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    server.faults.swallow("PUT", GRANT)
    await grant(bot, town)
    assert not has_gold(town)


async def test_a_lost_answer(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    server.faults.lose_answer("PUT", GRANT, 503)
    with pytest.raises(discord.DiscordServerError):
        await grant(bot, town)
    assert has_gold(town)


async def test_a_connection_that_breaks(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    server.faults.hang_up("PUT", GRANT, times=None)
    with pytest.raises(aiohttp.ClientError):
        await grant(bot, town)
    server.faults.clear()
    await grant(bot, town)
    assert has_gold(town)


async def test_a_slow_answer(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    fault = server.faults.hold("PUT", GRANT)
    granting = asyncio.create_task(grant(bot, town))
    await fault.wait_struck()
    assert not has_gold(town)
    fault.release()
    await granting
    assert has_gold(town)


async def test_other_requests_are_spared(town: Town, bot: SmallBot, server: DiscordServer) -> None:
    fault = server.faults.fail("DELETE", GRANT, 503)
    await grant(bot, town)
    await bot.fetch_guild(town.guild.id)
    assert fault.struck == 0


async def test_too_many_requests_in_a_window_are_limited(town: Town) -> None:
    server = DiscordServer(town.world, requests_a_window=3, window=60)
    await server.start(0)
    headers = {"Authorization": f"Bot {TOKEN}"}
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            answers = [await session.get(f"{server.rest_url}/users/@me") for _ in range(4)]
            other = await session.get(f"{server.rest_url}/users/@me/guilds")
            limited = await answers[3].json()
    finally:
        await server.stop()
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert 0 < limited["retry_after"] <= 60
    assert answers[3].headers["Via"]
    assert other.status == 200


async def test_discord_py_waits_before_it_reaches_the_limit(town: Town, bot: SmallBot) -> None:
    feed = town.world.subscribe()
    for _ in range(60):
        await bot.http.get_roles(town.guild.id)
    assert feed.empty()
