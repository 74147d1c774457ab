"""Discord's limit for all calls of a token, and a proxy that keeps it for several programs."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest
from aiohttp import web

from cogs.core.discord_rate_limits import AT_ONCE, CALLS_PER_SECOND, TokenLimit, time_limits
from cogs.core.gateway_recovery import GatewayState
from standins.clock import MovableClock
from standins.discord import DiscordServer, DiscordWorld


@pytest.mark.paced
async def test_calls_of_one_second_stay_within_the_limit_of_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    limit = TokenLimit()
    for _ in range(100):
        await limit.acquire()
    assert len(waits) == 100 - AT_ONCE
    assert waits == sorted(waits)
    assert AT_ONCE + sum(wait < 1 for wait in waits) <= 50
    assert CALLS_PER_SECOND + AT_ONCE <= 50


async def test_calls_go_through_a_proxy_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As owners set it: DISCORD_API_URL is the proxy's, which passes everything on."""
    world = DiscordWorld(MovableClock())
    owner = world.add_user("ada")
    guild = world.add_guild("Pottery", owner)
    world.install(world.add_application("a.token", name="Dues", owner=owner), guild)
    server = DiscordServer(world)
    await server.start(0)
    passed: list[str] = []

    async def pass_on(request: web.Request) -> web.Response:
        passed.append(request.path)
        address = server.rest_url.removesuffix("/api/v10") + request.raw_path
        kept = {name: request.headers[name] for name in ("Authorization",) if name in request.headers}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, address, headers=kept) as answer,
        ):
            headers = {
                n: v for n, v in answer.headers.items() if n.startswith(("X-RateLimit", "Content-Type"))
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    app = web.Application()
    app.router.add_route("*", "/api/v10/{rest:.*}", pass_on)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10")
    try:
        async with discord.Client(intents=discord.Intents.none()) as client:
            time_limits(client, GatewayState())
            await client.login("a.token")
            roles = await client.http.get_roles(guild.id)
    finally:
        await runner.cleanup()
        await server.stop()
    assert str(guild.id) in {role["id"] for role in roles}
    assert passed[-1] == f"/api/v10/guilds/{guild.id}/roles"
