"""What PayPal takes before and beside the price: people read of no time that is not paid."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.use_cases.plans import PlanUpdate, edit_plan
from tests.cogs.test_paypal import approve_link, paypal_of
from tests.cogs.town import DAY, Town, running

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
YEAR = 365 * DAY


@pytest.fixture
async def town(still_town: Town) -> AsyncIterator[Town]:
    async with running(still_town):
        await still_town.sell()
        yield still_town


async def sell(town: Town, price: str, interval: str = "MONTH", **more: Any) -> None:
    """Gold costs this at PayPal from now on."""
    paypal = paypal_of(town)
    sold = paypal.add_plan(paypal.add_product("Gold"), price, interval, **more)["id"]
    await edit_plan(town.ports, town.guild.id, 1, PlanUpdate(price_ids={"paypal": sold}), town.ada.id)


async def buy(town: Town) -> None:
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    paypal_of(town).approve(approve_link(reply))
    await town.settled()


async def test_a_set_up_fee_promises_no_year(town: Town) -> None:
    await sell(town, "100.00", "YEAR", setup_fee="1.00", trials=[("0", "DAY", 1)])
    await buy(town)
    assert town.roles() == ["Gold"]
    asked = await town.bob.run(town.guild, "cancel")
    (end,) = {int(found) for found in re.findall(r"<t:(\d+):D>", asked.text)}
    assert end <= town.clock.now() + DAY
    await asked.press("Cancel subscription")
    await town.turn(2 * DAY)
    assert town.roles() == []


async def test_once_the_year_is_paid_it_is_kept(town: Town) -> None:
    await sell(town, "100.00", "YEAR", setup_fee="1.00", trials=[("0", "DAY", 1)])
    await buy(town)
    await town.turn(2 * DAY)
    asked = await town.bob.run(town.guild, "cancel")
    (end,) = {int(found) for found in re.findall(r"<t:(\d+):D>", asked.text)}
    assert end > town.clock.now() + YEAR - 3 * DAY
    await asked.press("Cancel subscription")
    await town.turn(300 * DAY)
    assert town.roles() == ["Gold"]


async def test_a_fee_alone_ends_at_once(town: Town) -> None:
    await sell(town, "100.00", "YEAR", setup_fee="1.00")
    await buy(town)
    asked = await town.bob.run(town.guild, "cancel")
    assert "at once" in asked.text
    assert "<t:" not in asked.text


async def test_what_is_due_today_stands_beside_what_follows(town: Town) -> None:
    taxes = {"percentage": "20", "inclusive": False}
    await sell(town, "10.00", setup_fee="20.00", taxes=taxes)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "Pay $36.00 today with PayPal" in [button.label for button in reply.buttons]
    assert "**$36.00 today**, then **$12.00 a month**" in reply.text
    paypal_of(town).approve(approve_link(reply))
    await town.turn(DAY)
    taken = sum(sale.amount for sale in paypal_of(town).world.all("sale"))
    assert taken == 36
    card = await town.bob.run(town.guild, "subscriptions")
    assert "$12.00 a month" in card.text
    listed = await town.ada.run(town.guild, "plans list")
    assert "$12.00 a month, and $24.00 once at the start" in listed.text


async def test_a_trial_is_not_called_free_while_a_fee_is_taken(town: Town) -> None:
    await sell(town, "12.00", setup_fee="12.00", trials=[("0", "DAY", 7)])
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    labels = [button.label for button in reply.buttons]
    assert "Pay $12.00 today with PayPal" in labels
    assert not any("free with PayPal" in label for label in labels)
    assert "**$12.00 today** and 7 days free, then **$12.00 a month**" in reply.text


async def test_a_trial_that_costs_something_is_told_with_its_own_interval(town: Town) -> None:
    await sell(town, "100.00", "YEAR", trials=[("2.50", "MONTH", 2)])
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "$2.50 for 2 months, then $100.00 a year" in reply.text
    await sell(town, "100.00", "YEAR", trials=[("2.50", "MONTH", 1)])
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "**$2.50 today**, then **$100.00 a year**" in reply.text
    await buy(town)
    card = await town.bob.run(town.guild, "subscriptions")
    assert "$100.00 a year" in card.text


async def test_a_plan_of_so_many_payments_says_that_it_ends(town: Town) -> None:
    await sell(town, "10.00", total_cycles=2, setup_fee="1.00")
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "**$11.00 today**, then **$10.00 once**" in reply.text
    await buy(town)
    await town.turn(DAY)
    card = await town.bob.run(town.guild, "subscriptions")
    assert "$10.00 once more" in card.text
    await town.turn(31 * DAY)
    card = await town.bob.run(town.guild, "subscriptions")
    assert "Renews" not in card.text
    assert town.roles() == ["Gold"]
    told = town.bob.dms[-1].text
    assert "It was for a set number of payments, and all are made." in told
    assert "cancelled" not in told
    await town.turn(31 * DAY)
    assert town.roles() == []


async def test_one_payment_alone_is_no_monthly_one(town: Town) -> None:
    await sell(town, "100.00", "YEAR", total_cycles=1)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "Pay $100.00 once with PayPal" in [button.label for button in reply.buttons]
    assert "**$100.00 once**" in reply.text


async def test_the_list_of_plans_names_the_free_days_of_the_price(town: Town) -> None:
    await sell(town, "10.00", setup_fee="3.00", trials=[("0", "DAY", 7)])
    listed = await town.ada.run(town.guild, "plans list")
    assert "7 days free, then $10.00 a month, and $3.00 once at the start" in listed.text
    await town.ada.run(town.guild, "plans edit", {"plan": "Gold", "trial_days": 5})
    listed = await town.ada.run(town.guild, "plans list")
    assert "PayPal: $10.00 a month, and" in listed.text
    assert "5 free days" in listed.text


@pytest.mark.parametrize(("currency", "shown"), [("HUF", "HUF2,500 a month"), ("TWD", "NT$2,500 a month")])
async def test_forints_and_taiwan_dollars_have_no_decimals(town: Town, currency: str, shown: str) -> None:
    await sell(town, "2500", currency=currency)
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert shown in reply.text.replace("\xa0", " ")
    await buy(town)
    card = await town.bob.run(town.guild, "subscriptions")
    assert shown in card.text.replace("\xa0", " ")
    assert ".00" not in card.text


async def test_the_next_members_trial_by_start_time_takes_the_fee_at_once(town: Town) -> None:
    await sell(town, "10.00", setup_fee="3.00")
    await town.ada.run(town.guild, "plans edit", {"plan": "Gold", "trial_days": 5})
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "Pay $3.00 today with PayPal" in [button.label for button in reply.buttons]
    paypal_of(town).approve(approve_link(reply))
    await town.settled()
    (sale,) = paypal_of(town).world.all("sale")
    assert sale.amount == 3


@pytest.mark.parametrize("when", ["now", "period_end"])
async def test_a_revocation_is_one_message_until_the_roles_go(town: Town, when: str) -> None:
    await sell(town, "10.00")
    await buy(town)
    before = len(town.bob.dms)
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": when})
    await asked.press("Revoke access")
    await town.settled()
    (told,) = town.bob.dms[before:]
    assert "Access revoked" in told.text
    await town.turn(40 * DAY)
    assert town.roles() == []
    later = [card.text for card in town.bob.dms[before + 1 :]]
    assert len(later) == (when == "period_end")
    assert all("You no longer have **Gold**" in text for text in later)
