"""PayPal's fees and taxes besides the price: members are never promised time that they did not pay."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.use_cases.plans import PlanUpdate, edit_plan
from tests.app.harness import DAY, AppHarness, running
from tests.app.test_paypal import approve_link, paypal_of

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
YEAR = 365 * DAY


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    async with running(idle_app):
        await idle_app.sell()
        yield idle_app


async def sell(app: AppHarness, price: str, interval: str = "MONTH", **more: Any) -> None:
    """Set the price of Gold at PayPal."""
    paypal = paypal_of(app)
    sold = paypal.add_plan(paypal.add_product("Gold"), price, interval, **more)["id"]
    await edit_plan(app.ports, app.guild.id, 1, PlanUpdate(price_ids={"paypal": sold}), app.ada.id)


async def buy(app: AppHarness) -> None:
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    paypal_of(app).approve(approve_link(reply))
    await app.settled()


async def test_a_paypal_set_up_fee_gives_no_year_of_access(app: AppHarness) -> None:
    await sell(app, "100.00", "YEAR", setup_fee="1.00", trials=[("0", "DAY", 1)])
    await buy(app)
    assert app.roles() == ["Gold"]
    asked = await app.bob.run(app.guild, "cancel")
    (end,) = {int(found) for found in re.findall(r"<t:(\d+):D>", asked.text)}
    assert end <= app.clock.now() + DAY
    await asked.press("Cancel subscription")
    await app.turn(2 * DAY)
    assert app.roles() == []


async def test_a_paid_paypal_year_is_kept_after_a_cancellation(app: AppHarness) -> None:
    await sell(app, "100.00", "YEAR", setup_fee="1.00", trials=[("0", "DAY", 1)])
    await buy(app)
    await app.turn(2 * DAY)
    asked = await app.bob.run(app.guild, "cancel")
    (end,) = {int(found) for found in re.findall(r"<t:(\d+):D>", asked.text)}
    assert end > app.clock.now() + YEAR - 3 * DAY
    await asked.press("Cancel subscription")
    await app.turn(300 * DAY)
    assert app.roles() == ["Gold"]


async def test_a_subscription_with_only_a_set_up_fee_ends_at_once(app: AppHarness) -> None:
    await sell(app, "100.00", "YEAR", setup_fee="1.00")
    await buy(app)
    asked = await app.bob.run(app.guild, "cancel")
    assert "immediately" in asked.text
    assert "<t:" not in asked.text


async def test_the_card_shows_what_is_due_today_and_what_follows(app: AppHarness) -> None:
    taxes = {"percentage": "20", "inclusive": False}
    await sell(app, "10.00", setup_fee="20.00", taxes=taxes)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "Pay $36.00 today with PayPal" in [button.label for button in reply.buttons]
    assert "**$36.00 today**, then **$12.00 a month**" in reply.text
    paypal_of(app).approve(approve_link(reply))
    await app.turn(DAY)
    taken = sum(sale.amount for sale in paypal_of(app).world.all("sale"))
    assert taken == 36
    card = await app.bob.run(app.guild, "subscriptions")
    assert "$12.00 a month" in card.text
    listed = await app.ada.run(app.guild, "plans list")
    assert "$12.00 a month, plus a one-time fee of $24.00 at the start" in listed.text


async def test_a_trial_with_a_set_up_fee_is_not_called_free(app: AppHarness) -> None:
    await sell(app, "12.00", setup_fee="12.00", trials=[("0", "DAY", 7)])
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    labels = [button.label for button in reply.buttons]
    assert "Pay $12.00 today with PayPal" in labels
    assert not any("free with PayPal" in label for label in labels)
    assert "**$12.00 today** and 7 days free, then **$12.00 a month**" in reply.text


async def test_a_paid_trial_is_shown_with_its_own_interval(app: AppHarness) -> None:
    await sell(app, "100.00", "YEAR", trials=[("2.50", "MONTH", 2)])
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "$2.50 for 2 months, then $100.00 a year" in reply.text
    await sell(app, "100.00", "YEAR", trials=[("2.50", "MONTH", 1)])
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "**$2.50 today**, then **$100.00 a year**" in reply.text
    await buy(app)
    card = await app.bob.run(app.guild, "subscriptions")
    assert "$100.00 a year" in card.text


async def test_a_plan_with_a_fixed_number_of_payments_says_that_it_ends(app: AppHarness) -> None:
    await sell(app, "10.00", total_cycles=2, setup_fee="1.00")
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "**$11.00 today**, then **$10.00 once**" in reply.text
    await buy(app)
    await app.turn(DAY)
    card = await app.bob.run(app.guild, "subscriptions")
    assert "one more payment of $10.00" in card.text
    await app.turn(31 * DAY)
    card = await app.bob.run(app.guild, "subscriptions")
    assert "Renews" not in card.text
    assert app.roles() == ["Gold"]
    told = app.bob.dms[-1].text
    assert "It had a fixed number of payments, and you've made all of them." in told
    assert "cancelled" not in told
    await app.turn(31 * DAY)
    assert app.roles() == []


async def test_a_single_payment_is_not_called_monthly(app: AppHarness) -> None:
    await sell(app, "100.00", "YEAR", total_cycles=1)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "Pay $100.00 once with PayPal" in [button.label for button in reply.buttons]
    assert "**$100.00 once**" in reply.text


async def test_plans_list_names_the_free_days_of_a_price(app: AppHarness) -> None:
    await sell(app, "10.00", setup_fee="3.00", trials=[("0", "DAY", 7)])
    listed = await app.ada.run(app.guild, "plans list")
    assert "7 days free, then $10.00 a month, plus a one-time fee of $3.00 at the start" in listed.text
    await app.ada.run(app.guild, "plans edit", {"plan": "Gold", "trial_days": 5})
    listed = await app.ada.run(app.guild, "plans list")
    assert "PayPal: $10.00 a month, plus" in listed.text
    assert "Free trial: 5 days" in listed.text


@pytest.mark.parametrize(("currency", "shown"), [("HUF", "HUF2,500 a month"), ("TWD", "NT$2,500 a month")])
async def test_forints_and_taiwan_dollars_are_shown_without_decimals(
    app: AppHarness, currency: str, shown: str
) -> None:
    await sell(app, "2500", currency=currency)
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert shown in reply.text.replace("\xa0", " ")
    await buy(app)
    card = await app.bob.run(app.guild, "subscriptions")
    assert shown in card.text.replace("\xa0", " ")
    assert ".00" not in card.text


async def test_a_trial_by_start_time_takes_the_set_up_fee_at_once(app: AppHarness) -> None:
    await sell(app, "10.00", setup_fee="3.00")
    await app.ada.run(app.guild, "plans edit", {"plan": "Gold", "trial_days": 5})
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "Pay $3.00 today with PayPal" in [button.label for button in reply.buttons]
    paypal_of(app).approve(approve_link(reply))
    await app.settled()
    (sale,) = paypal_of(app).world.all("sale")
    assert sale.amount == 3


@pytest.mark.parametrize("when", ["now", "period_end"])
async def test_a_member_gets_one_message_about_a_paypal_revocation(app: AppHarness, when: str) -> None:
    await sell(app, "10.00")
    await buy(app)
    before = len(app.bob.dms)
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": when})
    await asked.press("Revoke access")
    await app.settled()
    (told,) = app.bob.dms[before:]
    assert "Access revoked" in told.text
    await app.turn(40 * DAY)
    assert app.roles() == []
    later = [card.text for card in app.bob.dms[before + 1 :]]
    assert len(later) == (when == "period_end")
    assert all("You no longer have **Gold**" in text for text in later)
