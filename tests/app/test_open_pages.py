"""Payment pages that are open when an admin changes or ends a sale."""

from __future__ import annotations

from typing import Any

import pytest

from billing.use_cases.plans import PlanUpdate, edit_plan
from standins.stripe.errors import StripeRefusal
from tests.app.harness import AppHarness, link_of

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("plans edit", {"plan": "Gold", "trial_days": 3}),
    ("plans remove", {"plan": "Gold"}),
]


@pytest.mark.parametrize(("command", "options"), OPTIONS)
async def test_an_edited_plan_closes_its_open_checkouts(
    app: AppHarness, command: str, options: dict[str, Any]
) -> None:
    await app.sell()
    page = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    reply = await app.ada.run(app.guild, command, options)
    assert "couldn't close" not in reply.text
    with pytest.raises(StripeRefusal, match="expired"):
        app.stripe.pay_checkout(page)
    await app.settled()
    assert app.roles() == []


async def test_renaming_a_plan_closes_no_checkout(app: AppHarness) -> None:
    await app.sell()
    page = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    await app.ada.run(app.guild, "plans edit", {"plan": "Gold", "name": "Golden"})
    app.stripe.pay_checkout(page)
    await app.settled()
    assert app.roles() == ["Gold"]


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
@pytest.mark.parametrize(("command", "options"), OPTIONS)
async def test_an_open_paypal_checkout_stays_and_the_admin_is_told(
    app: AppHarness, command: str, options: dict[str, Any]
) -> None:
    assert app.paypal is not None
    sold = app.paypal.add_plan(app.paypal.add_product("Gold"), "5.00")["id"]
    plan = await app.sell()
    prices = {"paypal": sold}
    await edit_plan(app.ports, plan.guild_id, plan.id, PlanUpdate(price_ids=prices), app.ada.id)
    await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    reply = await app.ada.run(app.guild, command, options)
    assert "The bot couldn't close 1 checkout page that was opened earlier at PayPal" in reply.text
