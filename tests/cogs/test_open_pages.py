"""Payment pages that are open when an admin changes or ends a sale."""

from __future__ import annotations

from typing import Any

import pytest

from billing.use_cases.plans import PlanUpdate, edit_plan
from standins.stripe.errors import StripeRefusal
from tests.cogs.town import Town, link_of

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("plans edit", {"plan": "Gold", "trial_days": 3}),
    ("plans remove", {"plan": "Gold"}),
]


@pytest.mark.parametrize(("command", "options"), OPTIONS)
async def test_a_page_of_before_takes_no_payment_any_more(
    town: Town, command: str, options: dict[str, Any]
) -> None:
    await town.sell()
    page = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    reply = await town.ada.run(town.guild, command, options)
    assert "could not be closed" not in reply.text
    with pytest.raises(StripeRefusal, match="expired"):
        town.stripe.pay_checkout(page)
    await town.settled()
    assert town.roles() == []


async def test_another_name_closes_no_page(town: Town) -> None:
    await town.sell()
    page = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    await town.ada.run(town.guild, "plans edit", {"plan": "Gold", "name": "Golden"})
    town.stripe.pay_checkout(page)
    await town.settled()
    assert town.roles() == ["Gold"]


@pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
@pytest.mark.parametrize(("command", "options"), OPTIONS)
async def test_a_page_of_paypal_s_stays_and_the_admin_is_told(
    town: Town, command: str, options: dict[str, Any]
) -> None:
    assert town.paypal is not None
    sold = town.paypal.add_plan(town.paypal.add_product("Gold"), "5.00")["id"]
    plan = await town.sell()
    prices = {"paypal": sold}
    await edit_plan(town.ports, plan.guild_id, plan.id, PlanUpdate(price_ids=prices), town.ada.id)
    await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    reply = await town.ada.run(town.guild, command, options)
    assert "1 payment page opened before at PayPal could not be closed" in reply.text
