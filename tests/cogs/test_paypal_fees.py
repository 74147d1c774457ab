"""What PayPal takes before and beside the price: people read of no time that is not paid."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.use_cases.plans import Edit, edit_plan
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
    await edit_plan(town.ports, town.guild.id, 1, Edit(price_ids={"paypal": sold}), town.ada.id)


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
