"""The client draws and does what any bot may ask of it, not only what ours does today."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import discord
import pytest
from playwright.async_api import Page, expect

from sandbox.stage import Stage
from tests.sandbox.page.page_actions import begin, fill_option, newest, send, type_command
from tests.standins.discord.small_bot import SmallBot

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("small")]
TOKEN = "small.token"


@pytest.fixture
async def small(stage: Stage) -> AsyncIterator[SmallBot]:
    """Another bot in the same server."""
    stage.world.install(stage.world.add_application(TOKEN, name="Small"), stage.guild)
    bot = SmallBot()
    await bot.login(TOKEN)
    connecting = asyncio.create_task(bot.connect())
    await bot.wait_until_ready()
    yield bot
    await bot.close()
    with contextlib.suppress(discord.DiscordException, asyncio.CancelledError):
        await connecting


async def test_a_form_opens_is_filled_and_sent(page: Page) -> None:
    await type_command(page, "/choose")
    await newest(page).get_by_role("button", name="Ask").click()
    form = page.get_by_role("dialog")
    await expect(form).to_contain_text("Feedback")
    await form.get_by_role("button", name="Submit").click()
    await expect(form, "what is required is asked for").to_be_visible()
    await form.get_by_label("Reason").fill("<b>moving</b>")
    await form.get_by_label("Mood").select_option("Bad")
    await form.get_by_role("button", name="Submit").click()
    await expect(newest(page)).to_contain_text("<b>moving</b> / B")
    await expect(form).to_be_hidden()


async def test_a_form_can_be_dismissed(page: Page) -> None:
    await type_command(page, "/choose")
    await newest(page).get_by_role("button", name="Ask").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(newest(page)).to_contain_text("choose")


async def test_menus_send_what_was_chosen(page: Page) -> None:
    await type_command(page, "/choose")
    await newest(page).get_by_label("Somebody").select_option("Tom")
    await expect(newest(page)).to_contain_text("chose Tom")
    await page.get_by_label("A plan").select_option("Silver")
    await expect(page.get_by_text("plan s", exact=True)).to_be_visible()


async def test_a_card_with_every_kind_of_button_is_drawn(page: Page) -> None:
    await type_command(page, "/card")
    await newest(page).get_by_role("button", name="Count 1").click()
    await expect(newest(page)).to_contain_text("Counted to 2 for @Mia")
    await expect(newest(page)).to_contain_text("(edited)")
    await expect(newest(page).get_by_role("button", name="Later")).to_be_disabled()
    link = newest(page).get_by_role("link", name="Read more")
    assert await link.get_attribute("rel") == "noopener noreferrer"
    assert await link.get_attribute("target") == "_blank"


async def test_numbers_and_people_are_sent_with_their_types(page: Page) -> None:
    await begin(page, "/hello")
    await fill_option(page, "loudness", "3")
    await send(page)
    await expect(newest(page)).to_contain_text("Hello!!! in Lantern Club")
    await begin(page, "/pick")
    await fill_option(page, "plan", "plan 29", "plan 29")
    await fill_option(page, "person", "@to", "Tom")
    await send(page)
    await expect(newest(page)).to_contain_text("picked PLAN 29 for Tom")


async def test_a_deferred_answer_is_shown_as_thinking(page: Page, stage: Stage) -> None:
    held = stage.discord.faults.hold("PATCH", "/webhooks/*")
    await type_command(page, "/subscriptions")
    await expect(newest(page)).to_contain_text("Dues is thinking…")
    held.release()
    await expect(newest(page)).to_contain_text("The bot couldn't find an active subscription of yours")
    await expect(page.get_by_text("is thinking…")).to_have_count(0)


async def test_a_bot_that_does_not_answer_is_reported(page: Page, stage: Stage) -> None:
    stage.world.ack_seconds = 0.3
    await type_command(page, "/silent")
    await expect(page.locator("#toasts")).to_contain_text("Small did not answer in 0.3 s.")
