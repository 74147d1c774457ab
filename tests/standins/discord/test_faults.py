"""Ordered trouble, as discord.py meets it."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest

from standins.discord import DiscordServer
from tests.standins.discord.conftest import TOKEN, DiscordScene
from tests.standins.discord.small_bot import SmallBot

GRANT = "/guilds/*/members/*/roles/*"


async def grant(bot: SmallBot, scene: DiscordScene) -> None:
    await bot.http.add_role(scene.guild.id, scene.bob.id, scene.gold.id)


def has_gold(scene: DiscordScene) -> bool:
    return scene.world.roles_of(scene.guild, scene.bob) == ["Gold"]


@pytest.mark.parametrize("is_global", [False, True])
async def test_discord_py_waits_out_an_injected_rate_limit(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer, is_global: bool
) -> None:
    fault = server.faults.rate_limit("PUT", GRANT, retry_after=0.01, is_global=is_global, times=2)
    await grant(bot, scene)
    assert fault.struck == 2
    assert has_gold(scene)


async def test_discord_py_does_not_retry_a_cloudflare_ban(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    fault = server.faults.rate_limit("PUT", GRANT, via=False)
    with pytest.raises(discord.HTTPException) as refused:
        await grant(bot, scene)
    assert (refused.value.status, fault.struck) == (429, 1)
    assert not has_gold(scene)


async def test_an_injected_error_is_answered_without_an_effect(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    server.faults.fail("PUT", GRANT, 503)
    with pytest.raises(discord.DiscordServerError):
        await grant(bot, scene)
    assert not has_gold(scene)
    await grant(bot, scene)
    assert has_gold(scene)


async def test_an_injected_success_has_no_effect(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    server.faults.swallow("PUT", GRANT)
    await grant(bot, scene)
    assert not has_gold(scene)


async def test_an_injected_loss_of_the_answer_keeps_the_effect(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    server.faults.lose_answer("PUT", GRANT, 503)
    with pytest.raises(discord.DiscordServerError):
        await grant(bot, scene)
    assert has_gold(scene)


async def test_an_injected_hang_up_is_seen_by_the_client(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    server.faults.hang_up("PUT", GRANT, times=None)
    with pytest.raises(aiohttp.ClientError):
        await grant(bot, scene)
    server.faults.clear()
    await grant(bot, scene)
    assert has_gold(scene)


async def test_an_injected_hold_delays_the_effect_until_it_is_released(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    fault = server.faults.hold("PUT", GRANT)
    granting = asyncio.create_task(grant(bot, scene))
    await fault.wait_struck()
    assert not has_gold(scene)
    fault.release()
    await granting
    assert has_gold(scene)


async def test_an_injected_fault_spares_other_requests(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    fault = server.faults.fail("DELETE", GRANT, 503)
    await grant(bot, scene)
    await bot.fetch_guild(scene.guild.id)
    assert fault.struck == 0


async def test_too_many_requests_in_a_window_are_rate_limited(scene: DiscordScene) -> None:
    server = DiscordServer(scene.world, requests_a_window=3, window=60)
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


async def test_discord_py_waits_before_it_reaches_the_limit(scene: DiscordScene, bot: SmallBot) -> None:
    feed = scene.world.subscribe()
    for _ in range(60):
        await bot.http.get_roles(scene.guild.id)
    assert feed.empty()


@pytest.mark.paced
async def test_all_buckets_of_a_token_share_one_limit(scene: DiscordScene, server: DiscordServer) -> None:
    server.token_limits.account = 1
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        assert (await session.get(f"{server.rest_url}/users/@me")).status == 200
        answer = await session.get(f"{server.rest_url}/users/@me/guilds")
        assert answer.status == 429
        assert answer.headers["X-RateLimit-Global"] == "true"
        assert (await answer.json())["global"] is True
