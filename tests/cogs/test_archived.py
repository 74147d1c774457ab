"""Prices that their provider has archived, or changed, as people see them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cogs.test_paypal import paypal_of
from tests.cogs.test_paypal_fees import buy, sell
from tests.cogs.town import Town, running

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)


@pytest.fixture
async def town(still_town: Town) -> AsyncIterator[Town]:
    async with running(still_town):
        await still_town.sell()
        yield still_town


async def plan_at_paypal(town: Town) -> str:
    (plan,) = await town.ports.ledger.load_plans(town.guild.id)
    price = plan.price_at("paypal")
    assert price is not None
    return price.id


@pytest.mark.parametrize("what", ["price", "product"])
async def test_what_stripe_archived_is_left_out_and_named(town: Town, what: str) -> None:
    await town.buy()
    if what == "price":
        town.stripe.dashboard.archive_price(town.price)
    else:
        town.stripe.dashboard.archive_product(town.product)
    await town.settled()
    nothing = await town.cleo.run(town.guild, "subscribe")
    assert "Nothing is on sale here" in nothing.text
    named = await town.cleo.run(town.guild, "subscribe", {"plan": "Gold"})
    assert not [button for button in named.buttons if button.url]
    assert "€5.00" not in named.text
    assert f"The {what} is archived" in (await town.ada.run(town.guild, "doctor")).text
    assert "archived there" in (await town.ada.run(town.guild, "plans list")).text
    assert town.roles() == ["Gold"]


async def test_of_two_ways_the_archived_one_is_left_out(town: Town) -> None:
    await sell(town, "7.00")
    paypal_of(town).dashboard.turn_plan(await plan_at_paypal(town), "deactivate")
    await town.settled()
    reply = await town.bob.run(town.guild, "subscribe")
    assert [button.label for button in reply.buttons] == ["Pay €5.00 a month with Stripe"]
    assert "$7.00" not in reply.text
    assert "switched off at PayPal" in (await town.ada.run(town.guild, "doctor")).text
    paypal_of(town).dashboard.turn_plan(await plan_at_paypal(town), "activate")
    await town.settled()
    assert "$7.00" in (await town.bob.run(town.guild, "subscribe")).text


async def test_a_changed_price_is_on_the_card_without_a_sweep(town: Town) -> None:
    await sell(town, "7.00")
    await buy(town)
    assert "$7.00 a month" in (await town.bob.run(town.guild, "subscriptions")).text
    paypal_of(town).dashboard.change_price(await plan_at_paypal(town), "9.00")
    await town.settled()
    assert "$9.00 a month" in (await town.bob.run(town.guild, "subscriptions")).text
    assert "$9.00 a month" in (await town.cleo.run(town.guild, "subscribe", {"plan": "Gold"})).text
