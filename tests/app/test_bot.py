"""The bot itself: what is registered, when, and what happens to faults."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
import yarl

from billing.errors import Conflict, LedgerUnavailable
from cogs.bot import CLOSE_PATIENCE, DuesBot, find_answers_under_way
from cogs.core.bot_interface import Interaction
from cogs.core.components import dispatch
from cogs.core.startup import TokenRefused
from i18n import tr, use_language
from i18n.plain import plain_words
from sandbox.stage import free_port
from standins.discord import NoAnswerError
from standins.discord.commands import CHAT_INPUT
from tests.app import harness as parts
from tests.app.harness import AppHarness, running

GUILD, BOT_DM, PRIVATE = 0, 1, 2
FAR = 1_000_000  # seconds; longer than anything else in the program sleeps
MEMBER_COMMANDS = {"subscribe", "subscriptions", "manage", "cancel"}
ADMIN_COMMANDS = {"revoke", "grant", "member", "members", "plans", "panel", "doctor", "settings", "stats"}


def registered(app: AppHarness) -> dict[str, dict[str, Any]]:
    """The slash commands as Discord has them, by name."""
    every = app.application.commands[None].values()
    return {command["name"]: command for command in every if command["type"] == CHAT_INPUT}


async def test_commands_have_the_documented_permissions_and_places(app: AppHarness) -> None:
    commands = registered(app)
    assert set(commands) == MEMBER_COMMANDS | ADMIN_COMMANDS
    for name in MEMBER_COMMANDS:
        assert sorted(commands[name]["contexts"]) == [GUILD, BOT_DM, PRIVATE]
        assert sorted(commands[name]["integration_types"]) == [0, 1]
        assert commands[name]["default_member_permissions"] is None
    for name in ADMIN_COMMANDS:
        assert commands[name]["contexts"] == [GUILD]
        assert commands[name]["integration_types"] == [0]
        assert commands[name]["default_member_permissions"] == str(1 << 5)


async def test_command_options_are_the_documented_ones(app: AppHarness) -> None:
    commands = registered(app)
    named = {
        name: [o["name"] for o in command["options"]] for name, command in commands.items() if name != "plans"
    }
    assert named == {
        "subscribe": ["plan"],
        "subscriptions": [],
        "manage": ["subscription"],
        "cancel": ["subscription"],
        "revoke": ["member", "plan", "when", "refund", "reason"],
        "grant": ["member", "plan", "days", "reason"],
        "member": ["member"],
        "members": ["list", "export", "import", "link"],
        "panel": ["channel"],
        "settings": [],
        "stats": ["days"],
        "doctor": ["fix"],
    }
    choices = {o["name"]: [c["value"] for c in o.get("choices", [])] for o in commands["revoke"]["options"]}
    assert choices["when"] == ["period_end", "now"]
    assert choices["refund"] == ["none", "last_payment"]
    plans = {o["name"]: [i["name"] for i in o.get("options", [])] for o in commands["plans"]["options"]}
    assert plans["add"] == ["name", "role", "stripe_price", "paypal_plan", "description", "hidden"]
    assert plans["list"] == []
    assert plans["remove"] == ["plan"]
    assert set(plans) == {"add", "list", "edit", "remove", "settings"}


async def test_member_commands_are_described_in_german_and_keep_their_names(app: AppHarness) -> None:
    commands = registered(app)
    for name in MEMBER_COMMANDS:
        with use_language("de"):
            german = tr(f"description.{name}")
        assert commands[name]["description_localizations"] == {"de": german}
        assert not commands[name]["name_localizations"]
    (which,) = commands["cancel"]["options"]
    assert which["description_localizations"] == {"de": "Welches Abo, falls du mehrere hast"}


def session_of(bot: DuesBot) -> str | None:
    """The session of the bot's only shard."""
    (shard,) = bot.connections
    assert shard.socket is not None
    return shard.socket.session_id


async def lives(app: AppHarness) -> int:
    """Start and stop the program; how often the commands were registered meanwhile."""
    feed = app.world.subscribe()
    async with running(app):
        pass
    app.world.unsubscribe(feed)
    seen = [feed.get_nowait()["kind"] for _ in range(feed.qsize())]
    return seen.count("commands_registered")


async def test_commands_are_registered_only_when_they_changed(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await lives(idle_app) == 1
    assert await lives(idle_app) == 0
    commands = idle_app.application.commands[None]
    commands.pop(next(iter(commands)))
    assert await lives(idle_app) == 1
    monkeypatch.setattr("cogs.bot.fingerprint", lambda *_: "of a later version")
    assert await lives(idle_app) == 1
    assert await lives(idle_app) == 0


async def test_the_bot_starts_even_if_commands_cannot_be_registered(idle_app: AppHarness) -> None:
    idle_app.discord.faults.fail("PUT", "/applications/*/commands", 503)
    async with running(idle_app) as process:
        assert process.bot.is_online()
    assert await lives(idle_app) == 1


async def test_the_bot_caches_no_members_and_asks_for_no_privileged_intent(app: AppHarness) -> None:
    assert app.process is not None
    bot = app.process.bot
    assert not bot.intents.members
    assert not bot.intents.message_content
    assert [member.id for member in bot.get_guild(app.guild.id).members] == [bot.own_id]  # type: ignore[union-attr]  # the bot is in it


async def test_the_bot_is_offline_after_a_disconnect_until_it_resumes(app: AppHarness) -> None:
    assert app.process is not None
    bot = app.process.bot
    assert bot.is_online()
    waits = [
        asyncio.create_task(bot.wait_for(event, timeout=20)) for event in ("shard_disconnect", "resumed")
    ]
    await asyncio.sleep(0)
    app.world.hub.drop(app.application)
    await waits[0]
    assert not bot.is_online()
    await waits[1]
    assert bot.is_online()


async def test_an_unreadable_gateway_message_ends_the_connection_only(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cogs.core.shards.GATEWAY_AGAIN", FAR)
    monkeypatch.setattr("cogs.core.shards.LONGEST_PAUSE", 5 * FAR)
    assert app.process is not None
    bot, pauses, pausing, over = app.process.bot, list[float](), asyncio.Event(), asyncio.Event()
    sleep_on = bot.ports.clock.sleep

    async def sleep(seconds: float) -> None:
        if seconds < FAR:
            await sleep_on(seconds)
            return
        pauses.append(seconds / FAR)
        pausing.set()
        await over.wait()

    monkeypatch.setattr(bot.ports.clock, "sleep", sleep)
    for _ in range(3):
        pausing.clear()
        over.clear()
        (session,) = app.world.hub.connected(app.application)
        assert session.outbox is not None
        session.outbox.put_nowait(("{", 0))
        await pausing.wait()
        assert not bot.is_online()
        back = asyncio.create_task(bot.wait_for("connect", timeout=20))
        await asyncio.sleep(0)  # so that it listens
        over.set()
        await back
        assert session_of(bot) != session.id
    assert pauses == [2, 4, 5]
    assert bot.is_online()
    assert (
        "The bot couldn't find an active subscription of yours"
        in (await app.bob.run(app.guild, "subscriptions")).text
    )
    assert caplog.text.count("connecting again") == 3


async def test_a_wrong_token_ends_the_start(idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "TOKEN", "wrong")
    with pytest.raises(TokenRefused):
        async with running(idle_app):
            pass


async def test_a_failed_login_is_tried_again(idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogs.bot.LOGIN_AGAIN", 0)
    idle_app.discord.faults.fail("GET", "/users/@me", 503, times=2)
    async with running(idle_app) as process:
        assert process.bot.is_online()


async def test_the_bot_starts_once_the_gateway_is_reachable(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = discord.gateway.DiscordWebSocket
    there = where.DEFAULT_GATEWAY
    monkeypatch.setattr("cogs.core.shards.GATEWAY_AGAIN", 0)
    monkeypatch.setattr(where, "DEFAULT_GATEWAY", yarl.URL(f"ws://127.0.0.1:{free_port()}"))
    waits = []

    def come_back(self: object) -> float:
        waits.append(self)
        where.DEFAULT_GATEWAY = there
        return 0.0

    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", come_back)
    async with running(idle_app) as process:
        assert process.bot.is_online()
    assert len(waits) == 1


async def test_a_token_refused_by_the_gateway_ends_the_start(
    idle_app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(self: DuesBot) -> None:
        self.http.token = "reset meanwhile"

    monkeypatch.setattr(DuesBot, "setup_hook", forget)
    with pytest.raises(TokenRefused):
        async with running(idle_app):
            pass


async def test_an_unexpected_error_is_logged_with_the_number_that_is_shown(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("cogs.subscriptions.load_listed", broken)
    reply = await app.bob.run(app.guild, "subscriptions")
    number = reply.text.split("`")[1]
    assert reply.ephemeral
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert number in record.getMessage()
    assert record.exc_info is not None


async def test_a_command_says_that_the_ledger_does_not_answer(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(type(app.ports.ledger), "load_subscriptions_of", full)
    assert (await app.bob.run(app.guild, "cancel")).text == plain_words(LedgerUnavailable.user_message)
    assert await app.bob.autocomplete(app.guild, "cancel", "subscription", "") == []


async def test_a_command_says_that_discord_does_not_answer(
    app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    app.discord.faults.hang_up("POST", "/interactions/*/*/callback")
    with caplog.at_level(logging.INFO, logger="cogs.error_handler"):
        reply = await app.bob.run(app.guild, "subscriptions")
    assert reply.text == tr("error.discord_unreached")
    (record,) = [r for r in caplog.records if r.name == "cogs.error_handler"]
    assert record.getMessage() == "/subscriptions was cut short: ServerDisconnectedError: Server disconnected"
    assert record.exc_info is None


async def test_a_response_that_comes_too_late_is_one_log_line(
    app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cogs.error_handler")
    app.world.ack_seconds = 0.2
    held = app.discord.faults.hold("POST", "/interactions/*")
    with pytest.raises(NoAnswerError):
        await app.bob.run(app.guild, "subscriptions")
    held.release()
    await asyncio.wait_for(asyncio.gather(*find_answers_under_way()), 20)
    (record,) = [r for r in caplog.records if r.name == "cogs.error_handler"]
    assert record.levelno == logging.INFO
    assert "10062" in record.getMessage()


async def test_an_autocomplete_that_comes_too_late_is_one_log_line(
    app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    app.world.ack_seconds = 0.2
    held = app.discord.faults.hold("POST", "/interactions/*")
    with pytest.raises(NoAnswerError):
        await app.bob.autocomplete(app.guild, "cancel", "subscription", "")
    held.release()
    await asyncio.wait_for(asyncio.gather(*find_answers_under_way()), 20)
    assert "an autocomplete was over before it was answered (code 10062)" in caplog.text
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO or r.exc_info] == []


async def test_an_autocomplete_that_discord_drops_logs_no_trace(
    app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    app.world.ack_seconds = 0.2
    app.discord.faults.hang_up("POST", "/interactions/*/*/callback")
    with suppress(NoAnswerError):
        await app.bob.autocomplete(app.guild, "cancel", "subscription", "")
    async with asyncio.timeout(20):  # a busy machine logs later than Discord gives up
        while not (found := [r for r in caplog.records if "autocomplete" in r.getMessage()]):  # noqa: ASYNC110 - a log line wakes nobody
            await asyncio.sleep(0.01)
    (record,) = found
    assert (record.levelname, record.exc_info) == ("WARNING", None)


async def test_an_event_handler_that_was_too_late_is_one_log_line(
    app: AppHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cogs.bot")
    assert app.process is not None
    answer: Any = SimpleNamespace(status=404, reason="")
    for code in (10062, 1):
        try:
            await _fail(discord.NotFound(answer, {"code": code, "message": ""}))
        except discord.NotFound:
            await app.process.bot.on_error("interaction")
    assert [r.levelname for r in caplog.records if r.name == "cogs.bot"] == ["INFO", "ERROR"]


async def _fail(error: Exception) -> None:
    raise error


async def test_a_command_in_progress_is_answered_before_the_bot_closes(idle_app: AppHarness) -> None:
    async with running(idle_app) as process:
        held = idle_app.discord.faults.hold("PATCH", "/webhooks/*")
        reply = await idle_app.bob.run(idle_app.guild, "subscriptions", wait=False)
        await held.wait_struck()
        closing = asyncio.create_task(process.bot.close())
        done, _ = await asyncio.wait({closing}, timeout=CLOSE_PATIENCE / 2)
        assert not done
        held.release()
        await closing
    assert "The bot couldn't find an active subscription of yours" in reply.text


async def test_a_button_of_another_version_says_that_it_is_outdated(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    note = await app.bob.dm_containing("Thank you")
    assert app.process is not None
    del app.process.bot.actions["manage"]
    assert "a different version" in (await note.press("Manage")).text


def test_a_bot_that_never_started_knows_no_members() -> None:
    assert DuesBot().own_id == 0


def test_every_message_is_sent_without_pings() -> None:
    allowed = DuesBot().allowed_mentions
    assert allowed is not None
    assert allowed.to_dict() == discord.AllowedMentions.none().to_dict()


async def test_the_commands_page_names_every_command_and_option(app: AppHarness) -> None:
    document = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    rows = dict(re.findall(r"^\| `/([a-z ]+)` \| (.*?) \|", document, re.MULTILINE))
    written = {name: re.findall(r"`(\w+)`", options) for name, options in rows.items()}
    assert {name: sorted(options) for name, options in _leaves(app).items()} == {
        name: sorted(set(options) - {"period_end", "now", "none", "last_payment"})
        for name, options in written.items()
    }


def _leaves(app: AppHarness) -> dict[str, list[str]]:
    """The options of every command and subcommand, by its whole name."""
    found = {}
    for name, command in registered(app).items():
        inner = [o for o in command["options"] if o["type"] == 1]
        for one in inner:
            found[f"{name} {one['name']}"] = [o["name"] for o in one.get("options", [])]
        if not inner:
            found[name] = [o["name"] for o in command["options"]]
    return found


@pytest.mark.parametrize("forged", ["dues:x", "dues:cancel:abc:x", "dues:nothing:0:x"])
async def test_an_unknown_custom_id_is_refused_with_a_text(forged: str) -> None:
    interaction = SimpleNamespace(data={"custom_id": forged}, user=SimpleNamespace(id=1))
    with pytest.raises(Conflict):
        await dispatch(cast("Interaction", interaction), {})
