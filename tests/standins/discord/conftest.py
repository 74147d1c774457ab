from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket

from standins.clock import MovableClock
from standins.discord import Application, DiscordServer, DiscordWorld, Guild, Person, Role
from standins.discord.conformance import Conformance
from tests.standins.discord.small_bot import SmallBot

TOKEN = "right.token"


@pytest.fixture(scope="session")
def shared_conformance() -> Conformance | None:
    return Conformance.load()


@pytest.fixture
def conformance(shared_conformance: Conformance | None) -> Iterator[Conformance | None]:
    """Checks the test's exchanges against Discord's API description, if that is installed."""
    if shared_conformance is not None:
        shared_conformance.violations.clear()
    yield shared_conformance
    assert shared_conformance is None or shared_conformance.violations == []


@dataclass
class DiscordScene:
    """A server with an owner, a member, a bot without the members intent, and a role below the bot's."""

    world: DiscordWorld
    guild: Guild
    owner: Person
    bob: Person
    app: Application
    bot_role: Role
    gold: Role


@pytest.fixture
def scene() -> DiscordScene:
    # A busy machine must not turn three seconds into a failure; the deadline has its own test.
    world = DiscordWorld(MovableClock(), ack_seconds=30)
    owner, bob = world.add_user("ada"), world.add_user("bob")
    guild = world.add_guild("Pottery", owner)
    app = world.add_application(TOKEN)
    bot_role = world.install(app, guild)
    gold = world.add_role(guild, "Gold", 0xFFD700)
    world.add_member(guild, bob)
    return DiscordScene(world, guild, owner, bob, app, bot_role, gold)


@pytest.fixture
def world(scene: DiscordScene) -> DiscordWorld:
    return scene.world


@pytest.fixture
async def server(
    scene: DiscordScene, conformance: Conformance | None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DiscordServer]:
    """A running server to which discord.py is redirected."""
    server = DiscordServer(scene.world, recorder=conformance)
    await server.start(0)
    monkeypatch.setattr(discord.http.Route, "BASE", server.rest_url)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url))
    yield server
    await server.stop()


Login = Callable[[SmallBot], Awaitable[SmallBot]]


@pytest.fixture
async def login(server: DiscordServer) -> AsyncIterator[Login]:
    """Logs a bot in and waits until it is ready; raises what made its connection fail."""
    running: list[tuple[SmallBot, asyncio.Task[None]]] = []

    async def log_in(bot: SmallBot) -> SmallBot:
        await bot.login(TOKEN)
        connecting = asyncio.create_task(bot.connect())
        running.append((bot, connecting))
        ready = asyncio.create_task(bot.wait_until_ready())
        done, _ = await asyncio.wait({connecting, ready}, return_when=asyncio.FIRST_COMPLETED)
        if connecting in done:
            ready.cancel()
            await connecting
        return bot

    yield log_in
    for bot, connecting in running:
        await bot.close()
        with suppress(discord.DiscordException, asyncio.CancelledError):
            await connecting


@pytest.fixture
async def bot(login: Login) -> SmallBot:
    return await login(SmallBot())
