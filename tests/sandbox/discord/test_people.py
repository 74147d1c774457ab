"""People use a real discord.py bot over real sockets."""

from __future__ import annotations

import asyncio

import discord
import pytest

from standins.discord import (
    CannotUseError,
    Card,
    DiscordServer,
    NoAnswerError,
    NotOfferedError,
    permissions,
)
from tests.sandbox.discord.conftest import Login, Town
from tests.sandbox.discord.small_bot import SmallBot


async def test_a_command_is_answered_at_once(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "hello", {"loudness": 2})
    assert reply.text == "Hello!! in Pottery, context [0], en-US"
    assert reply.ephemeral


async def test_a_command_in_the_bots_dms(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(None, "hello")
    assert "in a DM, context [1]" in reply.text


async def test_a_command_of_an_app_installed_to_a_user(town: Town, bot: SmallBot) -> None:
    elsewhere = town.world.add_guild("Elsewhere", town.owner)
    town.world.add_member(elsewhere, town.bob)
    with pytest.raises(NotOfferedError, match="installed neither here"):
        await town.bob.run(elsewhere, "hello")
    town.world.install_to_user(town.app, town.bob)
    assert "Hello! in , context [0]" in (await town.bob.run(elsewhere, "hello")).text
    assert "context [2]" in (await town.bob.run(town.bob.private(town.owner), "hello")).text
    with pytest.raises(NotOfferedError, match="contexts are"):
        await town.bob.run(None, "plans add")


async def test_a_deferred_answer_is_filled_by_the_first_followup(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "slow")
    assert reply.text in ("first", "edited")
    assert reply.ephemeral
    await reply.until(lambda now: now.text == "edited", "the edit")
    assert [card.text for card in reply.followups] == ["second"]


async def test_an_ephemeral_answer_is_seen_by_nobody_else(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "hello")
    assert [card.text for card in town.bob.messages(town.guild)] == [reply.text]
    assert town.owner.messages(town.guild) == []
    assert town.bob.card(reply.message.id).text == reply.text
    with pytest.raises(CannotUseError, match="does not see"):
        town.owner.card(reply.message.id)
    hidden = await town.bob.run(town.guild, "card", {"hidden": True})
    with pytest.raises(CannotUseError, match="does not see"):
        await Card(town.world, town.owner.user, hidden.message).press("Count 1")
    with pytest.raises(CannotUseError, match="sees no message 1"):
        town.owner.card(1)


async def test_a_card_shows_its_buttons_and_pings_nobody(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "card")
    assert reply.text == f"Counted to 1 for {town.bob.user.mention}"
    assert [(button.label, button.style, button.disabled) for button in reply.buttons] == [
        ("Count 1", "secondary", False),
        ("Read more", "link", False),
        ("Later", "secondary", True),
    ]
    assert reply.button("Read more").url == "https://example.com/more"
    assert reply.pings == []


async def test_a_press_updates_the_card_it_is_on(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "card")
    pressed = await reply.press("Count 1")
    assert pressed.updated
    assert reply.text.startswith("Counted to 2")


async def test_a_persistent_button_works_after_a_restart(town: Town, login: Login) -> None:
    first = await login(SmallBot())
    reply = await town.bob.run(None, "card")
    await first.close()
    await login(SmallBot())
    (seen,) = town.bob.dms
    await seen.press("Count 1")
    assert reply.text.startswith("Counted to 2")


async def test_somebody_elses_press_is_that_persons_own(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "card")
    refused = await town.owner.look_at(reply).press("Count 1")
    assert (refused.text, refused.ephemeral, refused.updated) == ("Not yours.", True, False)


@pytest.mark.parametrize(
    ("label", "why"), [("Read more", "is a link to"), ("Later", "is disabled"), ("Gone", "0 buttons")]
)
async def test_what_cannot_be_pressed(town: Town, bot: SmallBot, label: str, why: str) -> None:
    reply = await town.bob.run(town.guild, "card")
    with pytest.raises(CannotUseError, match=why):
        await reply.press(label)


async def test_a_press_that_is_answered_by_a_followup(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "choose")
    thought = await reply.press("Think")
    assert (thought.text, thought.updated) == ("thought about it", False)


async def test_choosing_in_a_select(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "choose")
    assert reply.selects[0].options == {"g": "Gold", "s": "Silver"}
    chosen = await reply.choose("Somebody", [town.owner])
    assert chosen.text == "chose ada"
    with pytest.raises(CannotUseError, match="no option 'Lead'"):
        await reply.choose("A plan", "Lead")
    await reply.choose("A plan", "Silver")
    assert (reply.text, reply.selects) == ("plan s", [])


async def test_a_modal_is_filled_and_sent(town: Town, bot: SmallBot) -> None:
    asked = await (await town.bob.run(town.guild, "choose")).press("Ask")
    assert asked.modal is not None
    assert asked.modal["title"] == "Feedback"
    with pytest.raises(CannotUseError, match="1 to 20 characters"):
        await asked.submit_modal({"Mood": "Good"})
    answer = await asked.submit_modal({"Reason": "moving", "Mood": "Good"})
    assert answer.text == "moving / G"


async def test_autocomplete(town: Town, bot: SmallBot) -> None:
    choices = await town.bob.autocomplete(town.guild, "pick", "plan", "7")
    assert [choice["value"] for choice in choices] == ["PLAN 7", "PLAN 17", "PLAN 27"]
    assert len(await town.bob.autocomplete(town.guild, "pick", "plan")) == 25


async def test_users_in_options_are_resolved(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "pick", {"plan": "x", "person": town.owner})
    assert reply.text == "picked x for ada"


async def test_subcommand_with_every_kind_of_option(town: Town, bot: SmallBot) -> None:
    options = {
        "name": "Gold plan",
        "role": town.gold,
        "member": town.bob,
        "channel": town.guild.channel("general"),
        "when": "At once",
    }
    reply = await town.owner.run(town.guild, "plans add", options)
    assert reply.text == "Gold plan: Gold, bob, general, now"


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        ("nothing", {}, "No application"),
        ("plans", {}, "needs one of its subcommands"),
        ("plans add", {"name": "x"}, "needs 'role'"),
        ("hello", {"loudness": 9}, "not within 1-3"),
        ("hello", {"loudness": "x"}, "not of the option's type"),
        ("hello", {"volume": 1}, "no option 'volume'"),
        ("hello twice", {}, "no subcommand"),
    ],
)
async def test_what_the_client_does_not_offer(
    town: Town, bot: SmallBot, command: str, options: dict[str, object], why: str
) -> None:
    with pytest.raises(NotOfferedError, match=why):
        await town.owner.run(town.guild, command, options)


async def test_default_member_permissions(town: Town, bot: SmallBot) -> None:
    options = {"name": "x", "role": town.gold, "member": town.bob}
    with pytest.raises(NotOfferedError, match="permission bits"):
        await town.bob.run(town.guild, "plans add", options)
    assert "plans" not in [command["name"] for command in town.bob.commands(town.guild)]
    assert "x: Gold" in (await town.bob.run(town.guild, "plans add", options, force=True)).text
    town.world.remove_member(town.guild, town.bob)
    town.world.add_member(town.guild, town.bob, bits=permissions.MANAGE_GUILD)
    assert "x: Gold" in (await town.bob.run(town.guild, "plans add", options)).text


async def test_no_answer_in_time(town: Town, bot: SmallBot) -> None:
    town.world.ack_seconds = 0.05
    with pytest.raises(NoAnswerError, match=r"did not answer in 0\.05 s"):
        await town.bob.run(town.guild, "silent")


async def test_a_bot_that_answers_too_late_is_told_so(
    town: Town, bot: SmallBot, server: DiscordServer, caplog: pytest.LogCaptureFixture
) -> None:
    town.world.ack_seconds = 0.05
    fault = server.faults.hold("POST", "/interactions/*")
    with pytest.raises(NoAnswerError):
        await town.bob.run(town.guild, "hello")
    fault.release()
    await bot.hears("error 10062")


async def test_why_there_was_no_answer_is_told(town: Town, bot: SmallBot) -> None:
    town.world.ack_seconds = 0.5
    with pytest.raises(NoAnswerError, match=r"refused request was POST .*BASE_TYPE_BAD_LENGTH"):
        await town.bob.run(town.guild, "pick", {"plan": "x" * 2001})
    assert "50035" in town.world.refusals[-1]


async def test_an_acknowledgement_alone_can_be_awaited(
    town: Town, bot: SmallBot, server: DiscordServer
) -> None:
    fault = server.faults.hold("POST", "/webhooks/*")
    reply = await town.bob.run(town.guild, "slow", wait=False)
    assert reply.loading
    fault.release()
    await reply.until(lambda now: not now.loading, "the answer")
    assert reply.body["content"] in ("first", "edited")


async def test_a_kicked_bots_buttons_are_dead(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "card")
    town.world.uninstall(town.app, town.guild)
    with pytest.raises(CannotUseError, match="Bot is not in Pottery"):
        await reply.press("Count 1")


async def test_a_hidden_channels_buttons_are_out_of_reach(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "card")
    general = town.guild.channel("general")
    general.overwrites[town.bob.id] = (permissions.VIEW_CHANNEL, 0)
    with pytest.raises(CannotUseError, match="does not see #general"):
        await reply.press("Count 1")
    with pytest.raises(CannotUseError, match="sees no such channel"):
        town.bob.say(general, "hello")


async def test_a_card_in_a_channel_can_be_awaited(town: Town, bot: SmallBot) -> None:
    waiting = asyncio.create_task(town.owner.message_containing(town.guild, "Counted to 1"))
    await town.bob.run(town.guild, "card")
    seen = await waiting
    assert (seen.ephemeral, town.world.person(town.bob).name) == (False, "bob")


async def test_who_left_uses_nothing_any_more(town: Town, bot: SmallBot) -> None:
    reply = await town.bob.run(town.guild, "card")
    town.world.remove_member(town.guild, town.bob)
    with pytest.raises(CannotUseError, match="not a member"):
        await reply.press("Count 1")


async def test_the_feed_tells_what_happens(town: Town, bot: SmallBot) -> None:
    feed = town.world.subscribe()
    await town.bob.run(town.guild, "hello")
    kinds = [feed.get_nowait()["kind"] for _ in range(feed.qsize())]
    assert kinds == ["interaction_created", "message_created", "interaction_answered"]
    town.world.unsubscribe(feed)
    town.world.close_dms(town.bob)
    assert feed.empty()


async def test_waiting_ends_with_a_clear_error(town: Town) -> None:
    with pytest.raises(NoAnswerError, match=r"Waited 0\.01 s in vain for a DM to bob containing 'x'"):
        await town.bob.dm_containing("x", within=0.01)


async def test_a_message_to_the_bot_in_its_dms(town: Town, login: Login) -> None:
    bot = await login(SmallBot(discord.Intents(guilds=True, dm_messages=True, guild_messages=True)))
    town.bob.say(town.world.dm(town.bob, town.app.bot), "hi there")
    town.bob.say(town.guild, "not for the bot")
    await bot.hears("message ''")
    assert bot.heard == ["message 'hi there'", "message ''"]
