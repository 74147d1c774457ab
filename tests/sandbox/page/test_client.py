"""The chat client: what is offered while typing, what is drawn, and that nothing typed becomes markup."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from sandbox.page import PageServer
from sandbox.stage import DAY, Stage
from standins.discord.model import COMPONENTS_V2, Message
from tests.sandbox.page.page_actions import be, begin, fill_option, newest, send, type_command

pytestmark = pytest.mark.browser

# The labels of those that are cut off or lie below something else.
HIDDEN = """all => all.filter(one => {
  const at = one.getBoundingClientRect(), middle = [(at.left + at.right) / 2, (at.top + at.bottom) / 2];
  const row = one.parentElement.getBoundingClientRect();
  return document.elementFromPoint(...middle) !== one || row.right < at.right || row.bottom < at.bottom;
}).map(one => one.innerText)"""
HOSTILE = '<img src=x onerror="document.title=1"> **Gold** <b>'


async def test_typing_a_slash_offers_the_commands_registered_for_this_person_and_place(page: Page) -> None:
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/")
    offered = page.get_by_role("option")
    await expect(offered).to_have_count(4)
    await expect(offered.first).to_contain_text("/cancel")
    await box.fill("/subscri")
    await expect(offered).to_have_count(2)

    await be(page, "Ada")
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/plans")
    await expect(offered.filter(has_text="/plans add")).to_be_visible()
    await page.get_by_role("button", name=re.compile("DM with Dues")).click()
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/plans")
    await expect(page.get_by_text("No such command here")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "telling"), [("Mia", "/cancel"), ("Ada", "/revoke"), ("Ada", "/plans settings")]
)
async def test_every_command_has_a_button(page: Page, name: str, telling: str) -> None:
    await be(page, name)
    chips = page.get_by_label("Commands to try").get_by_role("button")
    await expect(chips.filter(has_text=telling)).to_be_visible()
    assert await chips.evaluate_all(HIDDEN) == []


async def test_the_spare_role_and_prices_can_be_copied_and_sold(page: Page, context: BrowserContext) -> None:
    spare = page.get_by_role("region", name="Not on sale yet")
    await expect(spare).to_be_hidden()
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await be(page, "Ada")
    await begin(page, "/plans add")
    await fill_option(page, "name", "Silver")
    for option in ("role", "stripe_price", "paypal_plan"):
        await spare.get_by_role("button", name=f"Copy {option}").click()
        await fill_option(page, option, "")
        await page.keyboard.press("Control+V")
    await send(page)
    await expect(newest(page)).to_contain_text("Now on sale")
    await expect(newest(page)).to_contain_text("Roles: @Silver")
    await expect(newest(page)).to_contain_text("Stripe: €3.00 a month")
    await expect(newest(page)).to_contain_text("PayPal: €3.00 a month")


async def test_options_with_autocomplete_show_suggestions(page: Page) -> None:
    await begin(page, "/subscribe")
    await page.get_by_role("button", name="+ plan").click()
    options = page.get_by_role("option")
    await expect(options).to_have_text(
        [re.compile("Gold"), re.compile("Gold for a year"), re.compile("Platinum")]
    )
    await fill_option(page, "plan", "plat", "Platinum")
    await send(page)
    await expect(newest(page)).to_contain_text("7 days free")
    await expect(newest(page)).not_to_contain_text("Gold for a year")


async def test_pickers_and_choices_send_the_value_of_the_shown_name(page: Page, stage: Stage) -> None:
    await be(page, "Ada")
    await begin(page, "/plans add")
    await fill_option(page, "name", "Silver")
    await fill_option(page, "role", "plat")
    await expect(page.locator("#popup").get_by_role("option")).to_have_text(["Platinum"])
    await fill_option(page, "role", "plat", "Platinum")
    product = stage.stripe.add_product("Silver")
    await fill_option(page, "stripe_price", stage.stripe.add_price(product, 700, currency="eur")["id"])
    await fill_option(page, "hidden", "tr", "True")
    await send(page)
    await expect(newest(page)).to_contain_text("Now on sale")
    await expect(newest(page)).to_contain_text("@Platinum")
    await expect(newest(page)).to_contain_text("hidden")


async def test_a_command_without_a_required_option_is_not_sent(page: Page) -> None:
    await be(page, "Ada")
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/revoke ")
    before = await page.locator("#messages article").count()
    await send(page)
    await expect(page.get_by_role("combobox", name="member: ")).to_be_focused()
    assert await page.locator("#messages article").count() == before


async def test_every_action_of_the_page_works_with_the_keyboard(page: Page) -> None:
    await page.keyboard.press("/")
    await page.keyboard.type("subscri")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Command /subscriptions")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(newest(page)).to_contain_text("The bot couldn't find an active subscription of yours")
    await expect(page.get_by_role("combobox", name="Message")).to_be_focused()


async def test_arrow_keys_switch_between_people(page: Page) -> None:
    people = {name: page.get_by_role("radio", name=name) for name in ("Mia", "Tom", "Ada")}
    await people["Mia"].focus()
    for key, name in (("ArrowDown", "Tom"), ("ArrowLeft", "Mia"), ("ArrowUp", "Ada"), ("ArrowRight", "Mia")):
        await page.keyboard.press(key)
        await expect(people[name]).to_be_checked()
        await expect(people[name]).to_be_focused()
    assert [await one.get_attribute("tabindex") for one in people.values()] == ["0", "-1", "-1"]


async def test_html_that_people_type_is_shown_as_text(page: Page, stage: Stage) -> None:
    edit = {"plan": "Platinum", "name": HOSTILE, "description": HOSTILE}
    await stage.ada.run(stage.general, "plans edit", edit)
    stage.tom.say(stage.general, HOSTILE)
    await expect(newest(page)).to_contain_text('<img src=x onerror="document.title=1"> Gold <b>')
    await type_command(page, "/subscribe")
    await expect(newest(page).get_by_text(HOSTILE).first).to_be_visible()
    assert await page.locator("#messages img, #messages b:has-text('>')").count() == 0
    assert await page.title() == "#general · Dues sandbox"


async def test_an_ephemeral_answer_is_shown_to_its_reader_only(
    page: Page, context: BrowserContext, stage: Stage
) -> None:
    await type_command(page, "/subscribe")
    await expect(newest(page)).to_contain_text("Only you can see this")
    await be(page, "Tom")
    await expect(page.get_by_text("Only you can see this")).to_have_count(0)


async def test_two_windows_show_the_same_world_to_two_people(
    page: Page, context: BrowserContext, server: PageServer
) -> None:
    other = await context.new_page()
    await other.goto(f"{server.url}#Tom/general")
    await expect(other.get_by_role("radio", name="Tom")).to_be_checked()
    box = page.get_by_role("combobox", name="Message")
    await box.fill("Good evening")
    await box.press("Enter")
    await expect(newest(other)).to_contain_text("Good evening")
    await expect(newest(other)).to_contain_text("Mia")


async def test_each_kind_of_component_is_drawn_and_works(page: Page, stage: Stage) -> None:
    """Everything that the bot could send, and that its cards of today do not all use."""
    text = "# Head\n- one\n> said\n-# small\n`code` <t:1700000000:D> <#%d> ||hidden|| [a](https://x.example/)"
    message = Message(
        stage.world.snowflake(), stage.general, stage.app.bot, stage.clock.now(), flags=COMPONENTS_V2
    )
    message.components = [
        {"type": 10, "id": 1, "content": text % stage.general.id},
        {"type": 14, "id": 2, "divider": True, "spacing": 2},
        {
            "type": 9,
            "id": 3,
            "components": [{"type": 10, "id": 4, "content": "beside"}],
            "accessory": {"type": 2, "id": 5, "style": 5, "label": "Bad", "url": "javascript:alert(1)"},
        },
        {"type": 1, "id": 6, "components": [_several()]},
    ]
    stage.general.messages[message.id] = message
    stage.world.publish("message_created")
    card = newest(page)
    await expect(card.get_by_role("heading", name="Head")).to_be_visible()
    await expect(card.locator("time[data-style=D]")).to_have_text("14 November 2023")
    await expect(card.get_by_text("#general")).to_be_visible()
    await expect(card.locator("blockquote")).to_have_text("said")
    assert await card.get_by_text("Bad").get_attribute("href") is None
    await card.locator("summary").click()
    await expect(card.get_by_label("Second")).to_be_visible()


def _several() -> dict[str, object]:
    options = [{"label": "First", "value": "1"}, {"label": "Second", "value": "2"}]
    shape = {"type": 3, "id": 7, "custom_id": "x", "placeholder": "Some", "min_values": 1, "max_values": 2}
    return shape | {"options": options}


async def test_a_refusal_is_shown_as_a_sentence(page: Page, stage: Stage) -> None:
    stage.world.ack_seconds = 0.0
    await type_command(page, "/subscriptions")
    await expect(page.locator("#toasts")).to_contain_text("Dues did not answer in 0 s.")


async def test_the_page_can_deliver_notifications_twice_and_late(page: Page, stage: Stage) -> None:
    for name in ("twice", "10 s late"):
        async with page.expect_response(lambda answer: answer.request.method == "POST"):
            await page.get_by_role("switch", name=name).check()
    assert (stage.stripe.delivery_faults.double, stage.stripe.delivery_faults.late) == (True, 10.0)
    await page.get_by_role("switch", name="10 s late").uncheck()
    await expect(page.get_by_role("switch", name="10 s late")).not_to_be_checked()
    reply = await stage.mia.run(stage.general, "subscribe", {"plan": "Gold"})
    stage.stripe.pay_checkout(str(reply.buttons[0].url))
    await expect(page.locator("#events li").first).to_contain_text("✓ 200 200")


async def test_the_button_a_day_on_turns_the_clock_by_a_day(page: Page, stage: Stage) -> None:
    before = stage.clock.now()
    shown = await page.locator(".day").inner_text()
    await page.get_by_role("button", name="A day on").click()
    await expect(page.locator(".day")).not_to_have_text(shown)
    assert stage.clock.now() - before >= DAY


async def test_on_a_narrow_screen_both_sides_open_as_drawers(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    await expect(page.locator("#left")).to_be_hidden()
    await page.get_by_role("button", name="People and places").click()
    await page.get_by_role("radio", name="Tom").click()
    await expect(page.get_by_role("radio", name="Tom")).to_be_checked()
    await page.keyboard.press("Escape")
    await expect(page.locator("#left")).to_be_hidden()
    await page.get_by_role("button", name="Behind the scenes").click()
    await expect(page.get_by_role("button", name="A day on")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_page_says_so_when_the_sandbox_is_gone(page: Page, server: PageServer) -> None:
    await expect(page.get_by_role("alert")).to_be_hidden()
    await server.stop()
    await expect(page.get_by_role("alert")).to_contain_text("make sandbox")
