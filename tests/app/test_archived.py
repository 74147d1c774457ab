"""Prices that their provider has archived, or changed, as people see them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.app.harness import AppHarness, running
from tests.app.test_paypal import paypal_of
from tests.app.test_paypal_fees import buy, sell

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    async with running(idle_app):
        await idle_app.sell()
        yield idle_app


async def plan_at_paypal(app: AppHarness) -> str:
    (plan,) = await app.ports.ledger.load_plans(app.guild.id)
    price = plan.price_at("paypal")
    assert price is not None
    return price.id


@pytest.mark.parametrize("what", ["price", "product"])
async def test_an_archived_stripe_price_is_not_sold_and_is_named(app: AppHarness, what: str) -> None:
    await app.buy()
    if what == "price":
        app.stripe.dashboard.archive_price(app.price)
    else:
        app.stripe.dashboard.archive_product(app.product)
    await app.settled()
    nothing = await app.cleo.run(app.guild, "subscribe")
    assert "There's nothing on sale right now" in nothing.text
    named = await app.cleo.run(app.guild, "subscribe", {"plan": "Gold"})
    assert not [button for button in named.buttons if button.url]
    assert "€5.00" not in named.text
    assert f"The {what} is archived" in (await app.ada.run(app.guild, "doctor")).text
    assert "archived there" in (await app.ada.run(app.guild, "plans list")).text
    assert app.roles() == ["Gold"]


async def test_only_the_archived_price_of_a_plan_is_left_out(app: AppHarness) -> None:
    await sell(app, "7.00")
    paypal_of(app).dashboard.turn_plan(await plan_at_paypal(app), "deactivate")
    await app.settled()
    reply = await app.bob.run(app.guild, "subscribe")
    assert [button.label for button in reply.buttons] == ["Pay €5.00 a month with Stripe"]
    assert "$7.00" not in reply.text
    assert "turned off at PayPal" in (await app.ada.run(app.guild, "doctor")).text
    paypal_of(app).dashboard.turn_plan(await plan_at_paypal(app), "activate")
    await app.settled()
    assert "$7.00" in (await app.bob.run(app.guild, "subscribe")).text


async def test_a_changed_price_is_on_the_card_before_the_next_sweep(app: AppHarness) -> None:
    await sell(app, "7.00")
    await buy(app)
    assert "$7.00 a month" in (await app.bob.run(app.guild, "subscriptions")).text
    paypal_of(app).dashboard.change_price(await plan_at_paypal(app), "9.00")
    await app.settled()
    assert "$9.00 a month" in (await app.bob.run(app.guild, "subscriptions")).text
    assert "$9.00 a month" in (await app.cleo.run(app.guild, "subscribe", {"plan": "Gold"})).text
