"""The stand-in takes exactly the charge that the bot announced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.rules.upcoming_charges import decide_charges
from providers.paypal.provider import PayPalProvider
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from tests.contract.providers.harness import order

DAY = 86_400
TAX = {"percentage": "19.99", "inclusive": False}


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"taxes": TAX},
        {"setup_fee": "20.00", "taxes": TAX},
        {"setup_fee": "1.00", "trials": [("0", "DAY", 7)]},
        {"trials": [("2.50", "MONTH", 2)], "taxes": TAX},
        {"trials": [("0", "WEEK", 1), ("2.50", "MONTH", 1)], "setup_fee": "3.00"},
        {"currency": "HUF", "price": "999", "taxes": {"percentage": "27", "inclusive": False}},
        {"currency": "TWD", "price": "300"},
        {"currency": "JPY", "price": "500", "taxes": TAX},
    ],
)
async def test_paypal_takes_the_announced_charge_for_every_kind_of_plan(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock, terms: dict[str, Any]
) -> None:
    more = {"price": "10.05", **terms}
    made = fake.add_plan(fake.add_product("Gold"), more.pop("price"), **more)
    price = await provider.fetch_price(made["id"])
    page = await provider.start_checkout(order(price, trial_days=price.trial_days))
    fake.approve(page.url)
    minor = 1 if price.currency == "jpy" else 100
    for _ in range(4):
        subscription = await provider.fetch_subscription(page.id)
        (charge,) = decide_charges(subscription)
        due = fake.dashboard.next_charge(page.id)
        assert due is not None
        before = _taken(fake, page.id)
        while _taken(fake, page.id) == before:  # a free cycle takes nothing
            clock.advance((fake.dashboard.next_charge(page.id) or 0) - clock.now() + 1)
            await fake.settle()
        assert Decimal(charge.steps[0].amount) == fake.dashboard.last_sale(page.id).amount * minor


def _taken(fake: PayPalServer, subscription_id: str) -> int:
    return sum(one.subscription.id == subscription_id for one in fake.world.all("sale"))


async def test_paypal_takes_the_announced_charge_with_shipping_quantity_and_debt(
    fake: PayPalServer, provider: PayPalProvider, clock: MovableClock
) -> None:
    made = fake.add_plan(fake.add_product("Gold"), "10.05", taxes=TAX, quantity_supported=True)
    price = await provider.fetch_price(made["id"])
    page = await provider.start_checkout(order(price))
    found = fake.subscription(page.id)
    found.quantity, found.shipping = "3", Decimal("2.50")
    fake.approve(page.url)
    fake.dashboard.fail_next_payment(3)
    clock.advance(50 * DAY)
    await fake.settle()
    (charge,) = decide_charges(await provider.fetch_subscription(page.id))
    clock.advance(20 * DAY)
    await fake.settle()
    taken = fake.dashboard.last_sale(page.id).amount
    assert taken == 2 * (Decimal("30.15") + Decimal("6.03") + Decimal("2.50"))
    assert Decimal(charge.steps[0].amount) == taken * 100
