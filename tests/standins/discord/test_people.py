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
from tests.standins.discord.conftest import DiscordScene, Login
from tests.standins.discord.small_bot import SmallBot


async def test_a_command_is_answered_at_once(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "hello", {"loudness": 2})
    assert reply.text == "Hello!! in Pottery, context [0], en-US"
    assert reply.ephemeral


async def test_a_command_can_be_used_in_the_bots_dms(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(None, "hello")
    assert "in a DM, context [1]" in reply.text


async def test_a_user_installed_command_can_be_used_anywhere(scene: DiscordScene, bot: SmallBot) -> None:
    elsewhere = scene.world.add_guild("Elsewhere", scene.owner)
    scene.world.add_member(elsewhere, scene.bob)
    with pytest.raises(NotOfferedError, match="installed neither here"):
        await scene.bob.run(elsewhere, "hello")
    scene.world.install_to_user(scene.app, scene.bob)
    assert "Hello! in , context [0]" in (await scene.bob.run(elsewhere, "hello")).text
    assert "context [2]" in (await scene.bob.run(scene.bob.private(scene.owner), "hello")).text
    with pytest.raises(NotOfferedError, match="contexts are"):
        await scene.bob.run(None, "plans add")


async def test_a_deferred_answer_is_filled_by_the_first_followup(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "slow")
    assert reply.text in ("first", "edited")
    assert reply.ephemeral
    await reply.until(lambda now: now.text == "edited", "the edit")
    assert [card.text for card in reply.followups] == ["second"]


async def test_an_ephemeral_answer_is_seen_by_nobody_else(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "hello")
    assert [card.text for card in scene.bob.messages(scene.guild)] == [reply.text]
    assert scene.owner.messages(scene.guild) == []
    assert scene.bob.card(reply.message.id).text == reply.text
    with pytest.raises(CannotUseError, match="does not see"):
        scene.owner.card(reply.message.id)
    hidden = await scene.bob.run(scene.guild, "card", {"hidden": True})
    with pytest.raises(CannotUseError, match="does not see"):
        await Card(scene.world, scene.owner.user, hidden.message).press("Count 1")
    with pytest.raises(CannotUseError, match="sees no message 1"):
        scene.owner.card(1)


async def test_a_card_shows_its_buttons_and_pings_nobody(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    assert reply.text == f"Counted to 1 for {scene.bob.user.mention}"
    assert [(button.label, button.style, button.disabled) for button in reply.buttons] == [
        ("Count 1", "secondary", False),
        ("Read more", "link", False),
        ("Later", "secondary", True),
    ]
    assert reply.button("Read more").url == "https://example.com/more"
    assert reply.pings == []


async def test_a_press_updates_the_card_it_is_on(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    pressed = await reply.press("Count 1")
    assert pressed.updated
    assert reply.text.startswith("Counted to 2")


async def test_a_persistent_button_works_after_a_restart(scene: DiscordScene, login: Login) -> None:
    first = await login(SmallBot())
    reply = await scene.bob.run(None, "card")
    await first.close()
    await login(SmallBot())
    (seen,) = scene.bob.dms
    await seen.press("Count 1")
    assert reply.text.startswith("Counted to 2")


async def test_somebody_elses_press_is_that_persons_own(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    refused = await scene.owner.look_at(reply).press("Count 1")
    assert (refused.text, refused.ephemeral, refused.updated) == ("Not yours.", True, False)


@pytest.mark.parametrize(
    ("label", "why"), [("Read more", "is a link to"), ("Later", "is disabled"), ("Gone", "0 buttons")]
)
async def test_a_component_that_cannot_be_pressed_is_refused(
    scene: DiscordScene, bot: SmallBot, label: str, why: str
) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    with pytest.raises(CannotUseError, match=why):
        await reply.press(label)


async def test_a_button_press_can_be_answered_by_a_followup(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "choose")
    thought = await reply.press("Think")
    assert (thought.text, thought.updated) == ("thought about it", False)


async def test_a_person_can_choose_in_a_select_menu(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "choose")
    assert reply.selects[0].options == {"g": "Gold", "s": "Silver"}
    chosen = await reply.choose("Somebody", [scene.owner])
    assert chosen.text == "chose ada"
    with pytest.raises(CannotUseError, match="no option 'Lead'"):
        await reply.choose("A plan", "Lead")
    await reply.choose("A plan", "Silver")
    assert (reply.text, reply.selects) == ("plan s", [])


async def test_a_person_can_fill_and_send_a_modal(scene: DiscordScene, bot: SmallBot) -> None:
    asked = await (await scene.bob.run(scene.guild, "choose")).press("Ask")
    assert asked.modal is not None
    assert asked.modal["title"] == "Feedback"
    with pytest.raises(CannotUseError, match="1 to 20 characters"):
        await asked.submit_modal({"Mood": "Good"})
    answer = await asked.submit_modal({"Reason": "moving", "Mood": "Good"})
    assert answer.text == "moving / G"


async def test_a_person_gets_autocomplete_suggestions(scene: DiscordScene, bot: SmallBot) -> None:
    choices = await scene.bob.autocomplete(scene.guild, "pick", "plan", "7")
    assert [choice["value"] for choice in choices] == ["PLAN 7", "PLAN 17", "PLAN 27"]
    assert len(await scene.bob.autocomplete(scene.guild, "pick", "plan")) == 25


async def test_users_in_options_are_resolved(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "pick", {"plan": "x", "person": scene.owner})
    assert reply.text == "picked x for ada"


async def test_a_subcommand_accepts_every_kind_of_option(scene: DiscordScene, bot: SmallBot) -> None:
    options = {
        "name": "Gold plan",
        "role": scene.gold,
        "member": scene.bob,
        "channel": scene.guild.channel("general"),
        "when": "At once",
    }
    reply = await scene.owner.run(scene.guild, "plans add", options)
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
async def test_a_command_that_the_client_does_not_offer_is_refused(
    scene: DiscordScene, bot: SmallBot, command: str, options: dict[str, object], why: str
) -> None:
    with pytest.raises(NotOfferedError, match=why):
        await scene.owner.run(scene.guild, command, options)


async def test_default_member_permissions_hide_a_command_from_members(
    scene: DiscordScene, bot: SmallBot
) -> None:
    options = {"name": "x", "role": scene.gold, "member": scene.bob}
    with pytest.raises(NotOfferedError, match="permission bits"):
        await scene.bob.run(scene.guild, "plans add", options)
    assert "plans" not in [command["name"] for command in scene.bob.commands(scene.guild)]
    assert "x: Gold" in (await scene.bob.run(scene.guild, "plans add", options, force=True)).text
    scene.world.remove_member(scene.guild, scene.bob)
    scene.world.add_member(scene.guild, scene.bob, bits=permissions.MANAGE_GUILD)
    assert "x: Gold" in (await scene.bob.run(scene.guild, "plans add", options)).text


async def test_a_command_without_an_answer_in_time_fails(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.ack_seconds = 0.05
    with pytest.raises(NoAnswerError, match=r"did not answer in 0\.05 s"):
        await scene.bob.run(scene.guild, "silent")


async def test_a_bot_that_answers_too_late_gets_an_error(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer, caplog: pytest.LogCaptureFixture
) -> None:
    scene.world.ack_seconds = 0.05
    fault = server.faults.hold("POST", "/interactions/*")
    with pytest.raises(NoAnswerError):
        await scene.bob.run(scene.guild, "hello")
    fault.release()
    await bot.hears("error 10062")


async def test_a_missing_answer_names_its_reason(scene: DiscordScene, bot: SmallBot) -> None:
    scene.world.ack_seconds = 0.5
    with pytest.raises(NoAnswerError, match=r"refused request was POST .*BASE_TYPE_BAD_LENGTH"):
        await scene.bob.run(scene.guild, "pick", {"plan": "x" * 2001})
    assert "50035" in scene.world.refusals[-1]


async def test_an_acknowledgement_alone_can_be_awaited(
    scene: DiscordScene, bot: SmallBot, server: DiscordServer
) -> None:
    fault = server.faults.hold("POST", "/webhooks/*")
    reply = await scene.bob.run(scene.guild, "slow", wait=False)
    assert reply.loading
    fault.release()
    await reply.until(lambda now: not now.loading, "the answer")
    assert reply.body["content"] in ("first", "edited")


async def test_the_buttons_of_a_kicked_bot_do_not_work(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    scene.world.uninstall(scene.app, scene.guild)
    with pytest.raises(CannotUseError, match="Bot is not in Pottery"):
        await reply.press("Count 1")


async def test_buttons_in_a_hidden_channel_cannot_be_pressed(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    general = scene.guild.channel("general")
    general.overwrites[scene.bob.id] = (permissions.VIEW_CHANNEL, 0)
    with pytest.raises(CannotUseError, match="does not see #general"):
        await reply.press("Count 1")
    with pytest.raises(CannotUseError, match="sees no such channel"):
        scene.bob.say(general, "hello")


async def test_a_card_in_a_channel_can_be_awaited(scene: DiscordScene, bot: SmallBot) -> None:
    waiting = asyncio.create_task(scene.owner.message_containing(scene.guild, "Counted to 1"))
    await scene.bob.run(scene.guild, "card")
    seen = await waiting
    assert (seen.ephemeral, scene.world.person(scene.bob).name) == (False, "bob")


async def test_a_member_who_left_can_use_no_command(scene: DiscordScene, bot: SmallBot) -> None:
    reply = await scene.bob.run(scene.guild, "card")
    scene.world.remove_member(scene.guild, scene.bob)
    with pytest.raises(CannotUseError, match="not a member"):
        await reply.press("Count 1")


async def test_the_feed_reports_every_change(scene: DiscordScene, bot: SmallBot) -> None:
    feed = scene.world.subscribe()
    await scene.bob.run(scene.guild, "hello")
    kinds = [feed.get_nowait()["kind"] for _ in range(feed.qsize())]
    assert kinds == ["interaction_created", "message_created", "interaction_answered"]
    scene.world.unsubscribe(feed)
    scene.world.close_dms(scene.bob)
    assert feed.empty()


async def test_waiting_for_a_card_in_vain_ends_with_a_clear_error(scene: DiscordScene) -> None:
    with pytest.raises(NoAnswerError, match=r"Waited 0\.01 s in vain for a DM to bob containing 'x'"):
        await scene.bob.dm_containing("x", within=0.01)


async def test_a_person_can_write_to_the_bot_in_its_dms(scene: DiscordScene, login: Login) -> None:
    bot = await login(SmallBot(discord.Intents(guilds=True, dm_messages=True, guild_messages=True)))
    scene.bob.say(scene.world.dm(scene.bob, scene.app.bot), "hi there")
    scene.bob.say(scene.guild, "not for the bot")
    await bot.hears("message ''")
    assert bot.heard == ["message 'hi there'", "message ''"]
