"""The connection to Discord's gateway: unreadable events, few identifies left, fatal closes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
import yarl

from billing.model import Seen
from cogs.bot import DuesBot
from cogs.core.gateway_recovery import GatewaySocket
from cogs.core.startup import use_discord, use_gateway
from standins.discord import routes_apps
from tests.app import harness as parts
from tests.app.harness import AppHarness, running
from tests.app.test_bot import session_of


def send(app: AppHarness, event: str, data: dict[str, Any]) -> None:
    """Let the gateway send an event to the bot."""
    (session,) = app.world.hub.connected(app.application)
    assert session.outbox is not None
    session.outbox.put_nowait((json.dumps({"op": 0, "s": None, "t": event, "d": data}), 0))


async def dropped(bot: DuesBot, count: int) -> None:
    async with asyncio.timeout(20):
        while bot.gateway.dropped < count:  # noqa: ASYNC110 - it is a plain count
            await asyncio.sleep(0.01)


def bot_of(app: AppHarness) -> DuesBot:
    assert app.process is not None
    return app.process.bot


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("GUILD_ROLE_UPDATE", {"role": 7}),
        ("CHANNEL_CREATE", {"id": "5", "type": 0, "name": "new", "guild_id": "GUILD"}),
        ("GUILD_MEMBER_UPDATE", {"guild_id": "GUILD"}),
        ("INTERACTION_CREATE", {"type": 2}),
    ],
)
async def test_an_unreadable_gateway_event_is_dropped_alone(
    app: AppHarness, caplog: pytest.LogCaptureFixture, event: str, data: dict[str, Any]
) -> None:
    bot = bot_of(app)
    session = session_of(bot)
    sent = {key: str(app.guild.id) if value == "GUILD" else value for key, value in data.items()}
    send(app, event, sent)
    await dropped(bot, 1)
    assert bot.is_online()
    assert (
        "The bot couldn't find an active subscription of yours"
        in (await app.bob.run(app.guild, "subscriptions")).text
    )
    assert session_of(bot) == session
    assert f"Dropped a {event} event" in caplog.text


async def test_a_server_with_an_unreadable_channel_keeps_its_roles(app: AppHarness) -> None:
    bot = bot_of(app)
    guild = bot.get_guild(app.guild.id)
    assert guild is not None
    role: dict[str, Any] = {"id": "77", "name": "Odd", "permissions": "0", "position": 1, "color": 0}
    role |= {"hoist": False, "managed": False, "mentionable": False, "colors": {"primary_color": 0}}
    me: dict[str, Any] = {"roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False}
    me |= {"user": {"id": str(bot.own_id), "username": "Dues", "discriminator": "0", "avatar": None}}
    me |= {"flags": 0}
    channel = {"id": "5", "type": 0, "name": "no position"}
    data = {"id": str(guild.id), "name": "Renamed", "owner_id": "1", "unavailable": False}
    send(app, "GUILD_CREATE", data | {"roles": [role], "members": [me], "channels": [channel]})
    await dropped(bot, 1)
    assert (guild.name, [r.name for r in guild.roles]) == ("Renamed", ["Odd"])
    assert guild.me.id == bot.own_id
    assert not guild.unavailable


@dataclass
class Pauses:
    """The long pauses of a clock: how long each is to be, and what ends them."""

    asked: list[float] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def one(self) -> float:
        async with asyncio.timeout(20):
            while not self.asked:  # noqa: ASYNC110 - the clock is asked by others too
                await asyncio.sleep(0.01)
        return self.asked[0]


@pytest.fixture
async def pauses(idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pauses]:
    found, sleep = Pauses(), idle_app.clock.sleep

    async def noted(seconds: float) -> None:
        if seconds <= 3600:
            await sleep(seconds)
            return
        found.asked.append(seconds)
        await found.over.wait()

    monkeypatch.setattr("cogs.bot.READY_PATIENCE", 0.2)
    monkeypatch.setattr("cogs.core.shards.TRIED_HOURLY", 3601)
    monkeypatch.setattr(idle_app.clock, "sleep", noted)
    yield found
    found.over.set()


async def test_a_refused_intent_leaves_rest_working_and_is_tried_hourly(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    monkeypatch.setattr(parts, "DuesBot", lambda *, members_intent: DuesBot(members_intent=True))
    async with running(idle_app) as process:
        assert await pauses.one() == 3601
        bot = process.bot
        assert not bot.is_closed()
        assert "4014" in (bot.why_offline() or "")
        member = (idle_app.guild.id, idle_app.bob.id)
        assert await process.ports.roles.fetch_member(*member) == Seen(frozenset())
        idle_app.application.members_intent = True
        pauses.over.set()
        await asyncio.wait_for(bot.wait_until_ready(), 20)
        assert bot.why_offline() is None


async def test_a_permanently_closed_gateway_is_reported_to_admins_once(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    async with running(idle_app):
        await idle_app.sell()
    monkeypatch.setattr(parts, "DuesBot", lambda *, members_intent: DuesBot(members_intent=True))
    async with running(idle_app) as process:
        assert await pauses.one() == 3601
        card = await idle_app.ada.dm_containing("Discord won't let the bot connect")
        assert "On the application's Bot page, turn it off" in card.text
        assert process.bot.why_offline() is not None
        pauses.over.set()
        assert await pauses.one() == 3601
        await idle_app.settled()
    assert sum("won't let the bot connect" in dm.text for dm in idle_app.ada.dms) == 1


@pytest.mark.parametrize("left", [0, 3])
async def test_the_last_identifies_of_a_day_are_spread_over_the_day(
    idle_app: AppHarness, pauses: Pauses, left: int
) -> None:
    idle_app.application.identifies = before = routes_apps.SESSION_STARTS_A_DAY - left
    async with running(idle_app) as process:
        assert await pauses.one() == 86_400 / max(left, 1)
        assert idle_app.application.identifies == before
        assert "reached Discord's daily limit of logins" in (process.bot.why_offline() or "")
        idle_app.application.identifies = 1
        pauses.over.set()
        await asyncio.wait_for(process.bot.wait_until_ready(), 20)
        assert process.bot.why_offline() is None


async def test_one_of_the_last_identifies_is_used_after_its_share_of_the_day(
    idle_app: AppHarness, pauses: Pauses
) -> None:
    idle_app.application.identifies = before = routes_apps.SESSION_STARTS_A_DAY - 3
    async with running(idle_app) as process:
        idle_app.clock.advance(await pauses.one())
        pauses.over.set()
        await asyncio.wait_for(process.bot.wait_until_ready(), 20)
        assert process.bot.why_offline() is None
    assert idle_app.application.identifies == before + 1


async def test_the_bot_identifies_if_discord_does_not_say_how_many_identifies_are_left(
    idle_app: AppHarness,
) -> None:
    idle_app.discord.faults.fail("GET", "/gateway/bot", 404)
    async with running(idle_app) as process:
        assert process.bot.is_online()


async def test_a_broken_gateway_connection_is_one_warning_line(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", lambda self: 0.0)
    async with running(idle_app) as process:
        waits = asyncio.create_task(process.bot.wait_for("resumed", timeout=20))
        await asyncio.sleep(0)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "poll_event", broken_once(monkeypatch))
        send(idle_app, "NOTHING_KNOWN", {})
        await waits
    lines = [r for r in caplog.records if r.name == "cogs.core.shards" and r.levelno >= logging.WARNING]
    assert [(r.levelname, r.exc_info) for r in lines] == [("WARNING", None)]
    assert "connecting again" in lines[0].getMessage()


def broken_once(monkeypatch: pytest.MonkeyPatch) -> Any:
    poll = discord.gateway.DiscordWebSocket.poll_event

    async def broken(self: discord.gateway.DiscordWebSocket) -> None:
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "poll_event", poll)
        await self.close(4000)
        raise OSError(5, "broken")

    return broken


async def test_a_configured_gateway_address_is_used_for_resuming_too(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"{idle_app.discord.gateway_url}/proxied"
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", None)
    monkeypatch.setattr(GatewaySocket, "fixed", None)
    api = discord.http.Route.BASE
    use_discord(api, own)
    use_gateway("wss://gateway.discord.gg")
    assert str(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY) == own
    socket = GatewaySocket.__new__(GatewaySocket)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "received_message", names_another)
    await socket.received_message("{}")
    assert str(socket.gateway) == own


async def names_another(self: discord.gateway.DiscordWebSocket, msg: Any) -> None:
    self.gateway = yarl.URL("wss://gateway-us-east1.discord.gg")
