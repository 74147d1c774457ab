"""Everything that decides a charge is fetched with a subscription, as far as the key may read it."""

from __future__ import annotations

from typing import Any

import pytest

from billing.model import Money, Step, Subscription, Unsure
from billing.rules.upcoming_charges import decide_charges
from tests.contract.providers.harness import buy
from tests.contract.providers.stripe import StripeSurroundings


def paths(there: StripeSurroundings) -> list[str]:
    return [exchange.path for exchange in there.server.exchanges]


async def discounted(there: StripeSurroundings, **coupon: Any) -> Subscription:
    """A subscription with a coupon."""
    bought = await buy(there)
    made = there.server.add_code("CODE", **{"percent_off": 50, "duration": "forever", **coupon})
    there.server.dashboard.change(bought.key.id, {"discounts": [{"coupon": made["id"]}]})
    return await there.provider.fetch_subscription(bought.key.id)


@pytest.mark.parametrize("limited", [False, True])
async def test_a_listed_subscription_equals_a_fetched_one(there: StripeSurroundings, limited: bool) -> None:
    product = there.server.add_product("Other")["id"]
    found = await discounted(there, **({"applies_to": {"products": [product]}} if limited else {}))
    assert [s async for s in there.provider.list_subscriptions()] == [found]
    assert bool(found.terms.discounts) is not limited


async def test_each_coupon_is_fetched_once(there: StripeSurroundings) -> None:
    bought = await buy(there)
    item = there.server.world.by_id[bought.key.id]["items"]["data"][0]["id"]
    coupon = there.server.add_code("CODE", percent_off=50, duration="forever")["id"]
    there.server.dashboard.change(bought.key.id, {"items": [{"id": item, "discounts": [{"coupon": coupon}]}]})
    for _ in range(3):
        found = await there.provider.fetch_subscription(bought.key.id)
        assert decide_charges(found)[0].steps == (Step(250),)
    assert paths(there).count(f"/v1/coupons/{coupon}") == 1


async def test_without_permission_for_coupons_only_the_charge_is_unknown(there: StripeSurroundings) -> None:
    found = await discounted(there)
    there.server.faults.add("status", f"/v1/subscriptions/{found.key.id}", status=403, times=1)
    seen = await there.provider.fetch_subscription(found.key.id)
    assert (seen.status, seen.period_end) == (found.status, found.period_end)
    (charge,) = decide_charges(seen)
    assert (charge.steps, charge.unsure) == ((), (Unsure.DISCOUNT,))
    before = len(paths(there))
    await there.provider.fetch_subscription(found.key.id)
    assert len(paths(there)) == before + 1  # for an hour it is not tried
    there.clock.advance(3601)
    assert await there.provider.fetch_subscription(found.key.id) == found


async def test_without_permission_to_expand_the_list_comes_without_details(there: StripeSurroundings) -> None:
    found = await discounted(there)
    there.server.faults.add("status", "/v1/subscriptions", status=403, times=1)
    (listed,) = [s async for s in there.provider.list_subscriptions()]
    assert listed.key == found.key


async def test_a_change_within_the_period_may_be_settled_with_the_next_charge(
    there: StripeSurroundings,
) -> None:
    bought = await buy(there)
    item = there.server.world.by_id[bought.key.id]["items"]["data"][0]["id"]
    there.clock.advance(10 * 86_400)
    there.server.dashboard.change(bought.key.id, {"items": [{"id": item, "quantity": 3}]})
    found = await there.provider.fetch_subscription(bought.key.id)
    (charge,) = decide_charges(found)
    assert charge.unsure == (Unsure.CHANGE,)
    named = await there.provider.preview_charge(found)
    assert bought.period_end is not None
    there.clock.advance(bought.period_end - there.clock.now() + 3700)
    there.server.catch_up()
    last = there.server.world.by_id[there.server.world.by_id[bought.key.id]["latest_invoice"]]
    assert named == Money(last["amount_due"], last["currency"])
    assert last["amount_due"] > 1500
    after = await there.provider.fetch_subscription(bought.key.id)
    assert decide_charges(after)[0].steps == (Step(1500),)


async def test_a_customers_credit_balance_makes_the_next_charge_unknown(there: StripeSurroundings) -> None:
    bought = await buy(there)
    there.server.world.get("customer", bought.customer_id)["balance"] = -120
    found = await there.provider.fetch_subscription(bought.key.id)
    assert decide_charges(found)[0].unsure == (Unsure.BALANCE,)
    assert await there.provider.preview_charge(found) == Money(380, "usd")
