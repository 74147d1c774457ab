"""Several shards in one process: each has its own servers, breaks alone, and is told of by its number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from billing.errors import GuildGone, GuildOutage
from billing.model import Seen
from cogs.core import shards
from standins.discord import gateway
from standins.discord.model import Guild
from tests.app.harness import AppHarness, running


def add_server_of(app: AppHarness, number: int) -> Guild:
    """A server with the bot, with Bob, and with a role Gold, whose events go to this shard."""
    guild = app.world.add_guild(f"Server {number}", app.ada, shard=number)
    own = app.world.install(app.application, guild)
    app.world.add_role(guild, "Gold")
    app.world.set_role_position(own, 9)
    app.world.add_member(guild, app.bob)
    return guild


@pytest.fixture
async def sharded(idle_app: AppHarness) -> AsyncIterator[tuple[AppHarness, list[Guild]]]:
    """A bot with four shards and a server on each."""
    idle_app.world.shards = idle_app.world.max_concurrency = 4
    guilds = [add_server_of(idle_app, number) for number in range(4)]
    async with running(idle_app):
        yield idle_app, guilds


async def test_a_bot_with_four_shards_sells_on_a_server_of_each(
    sharded: tuple[AppHarness, list[Guild]],
) -> None:
    app, guilds = sharded
    assert sorted(session.shard for session in app.world.hub.connected(app.application)) == [
        (number, 4) for number in range(4)
    ]
    assert app.process is not None
    assert app.process.bot.why_offline() is None
    for number, guild in enumerate(guilds):
        price = app.stripe.add_price(app.product, 500 + number, currency="eur")["id"]
        await app.sell(role=guild.role("Gold"), price=price)
        await app.buy(guild=guild)
        assert app.world.roles_of(guild, app.bob) == ["Gold"]
    # In a direct message, which comes to shard 0, each server has its name.
    said = (await app.bob.run(None, "subscriptions")).text
    assert all(f"Server {number}" in said for number in range(4))


async def test_a_shard_that_is_down_concerns_its_own_servers_only(
    sharded: tuple[AppHarness, list[Guild]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, guilds = sharded
    assert app.process is not None
    bot, roles, bob = app.process.bot, app.ports.roles, app.bob.id
    away = asyncio.create_task(bot.wait_for("shard_disconnect", timeout=20))
    monkeypatch.setattr(bot.connections[2], "_open", asyncio.Event().wait)
    await asyncio.sleep(0)  # so that it listens
    (session,) = [s for s in app.world.hub.connected(app.application) if s.shard[0] == 2]
    session.hang_up(1006)
    assert await away == 2
    assert bot.why_offline() is None  # Discord asks for that several times a day
    app.clock.advance(shards.SHARD_PATIENCE)
    said = bot.why_offline() or ""
    assert "1 of 4 connections to Discord is down (shard 2)" in said
    assert said in (await app.ada.run(guilds[1], "doctor")).text
    for number, guild in enumerate(guilds):
        if number == 2:
            with pytest.raises(GuildOutage):
                await roles.look(guild.id, [bob])
        else:
            assert set(await roles.look(guild.id, [bob])) == {bob}
    # Nobody can tell whether the bot has meanwhile joined another server of that shard.
    unknown = {number: (guild.id >> 22 << 22) + (8 << 22) for number, guild in enumerate(guilds)}
    assert [roles.is_in(unknown[number]) for number in range(4)] == [False, False, None, False]
    assert [roles.is_in(guild.id) for guild in guilds] == [True] * 4
    with pytest.raises(GuildOutage):
        bot.find_guild(unknown[2])
    with pytest.raises(GuildGone):
        bot.find_guild(unknown[1])


async def test_a_bot_in_3000_servers_connects_with_more_shards_and_sells(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a bot has grown: Discord recommends one shard when it starts, and four when it is refused."""
    world, refuse = idle_app.world, gateway._Refused.__init__
    world.shards = 4
    guilds = [add_server_of(idle_app, number % 4) for number in range(3_000)]
    world.shards = 1

    def refused(self: gateway._Refused, code: int, reason: str) -> None:
        world.shards = world.max_concurrency = 4
        refuse(self, code, reason)

    monkeypatch.setattr(gateway._Refused, "__init__", refused)
    async with running(idle_app) as process:
        assert len(process.bot.connections) == 4
        assert process.bot.is_online()
        assert {guild.id for guild in process.bot.guilds} == {idle_app.guild.id, *(g.id for g in guilds)}
        await idle_app.sell(role=guilds[-1].role("Gold"))
        await idle_app.buy(guild=guilds[-1])
        assert world.roles_of(guilds[-1], idle_app.bob) == ["Gold"]


async def test_too_many_servers_for_the_recommended_shards_are_reported(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "MOST_GUILDS", 0)
    monkeypatch.setattr("cogs.bot.READY_PATIENCE", 0.2)
    async with running(idle_app) as process:
        assert "4011" in (process.bot.why_offline() or "")
        assert not process.bot.is_closed()
        member = (idle_app.guild.id, idle_app.bob.id)
        assert await process.ports.roles.fetch_member(*member) == Seen(frozenset())
