"""Changes of prices that are on sale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict
from billing.use_cases.plans import PlanUpdate, add_plan, edit_plan
from billing.use_cases.refresh_prices import AT_ONCE, refresh_price, refresh_product
from billing.use_cases.subscribe import load_sale, offer
from tests.rules.builders import ADMIN, GUILD, MEMBER, OTHER_MEMBER, ROLE, make_price
from tests.rules.harness import RulesHarness


@pytest.mark.parametrize("lists_all", [True, False])
async def test_a_changed_price_refetches_subscriptions_that_copied_it(
    paying: RulesHarness, *, lists_all: bool
) -> None:
    paying.provider.lists_all = lists_all
    assert await refresh_price(paying.ports, paying.provider, "price_1") == ([] if lists_all else ["sub_1"])
    paying.provider.prices["price_1"] = make_price(amount=700)
    assert await refresh_price(paying.ports, paying.provider, "price_1") == ["sub_1"]
    (plan,) = await paying.ledger.load_plans(GUILD)
    assert plan.prices[0].amount == 700


async def test_a_changed_price_refetches_a_limited_number_at_once(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AT_ONCE <= 1000
    monkeypatch.setattr("billing.use_cases.refresh_prices.AT_ONCE", 0)
    paying.provider.prices["price_1"] = make_price(amount=700)
    assert await refresh_price(paying.ports, paying.provider, "price_1") == []


async def test_an_archived_price_is_not_offered_and_keeps_its_subscribers(paying: RulesHarness) -> None:
    paying.provider.prices["price_1"] = make_price(active=False)
    await refresh_price(paying.ports, paying.provider, "price_1")
    assert await load_sale(paying.ports, GUILD) == []
    (plan,) = await paying.ledger.load_plans(GUILD)
    assert (await offer(paying.ports, GUILD, OTHER_MEMBER, plan)).ways == ()
    await paying.settle()
    assert paying.roles_of(MEMBER) == {ROLE}
    paying.provider.prices["price_1"] = make_price()
    await refresh_price(paying.ports, paying.provider, "price_1")
    assert await load_sale(paying.ports, GUILD) != []


async def test_a_deleted_price_is_not_offered(paying: RulesHarness) -> None:
    del paying.provider.prices["price_1"]
    await refresh_price(paying.ports, paying.provider, "price_1")
    assert await load_sale(paying.ports, GUILD) == []


async def test_a_price_of_an_archived_product_is_not_offered(paying: RulesHarness) -> None:
    paying.provider.prices["price_1"] = make_price(active=False)
    await refresh_product(paying.ports, paying.provider, "prod_other")
    assert await load_sale(paying.ports, GUILD) != []
    await paying.ring("product", "prod_1")
    await paying.settle()
    assert await load_sale(paying.ports, GUILD) == []


async def test_a_free_price_cannot_be_sold_and_an_existing_one_stays(world: RulesHarness) -> None:
    world.provider.prices["price_0"] = make_price("price_0", "prod_0", amount=0)
    free = PlanUpdate(name="Free", add_role=ROLE, price_ids={"stripe": "price_0"})
    with pytest.raises(Conflict, match=r"error.price_is_zero"):
        await add_plan(world.ports, GUILD, free, ADMIN)
    old = await world.add_plan()
    old = await world.ledger.record_plan(
        replace(old, prices=(world.provider.prices["price_0"],)), str(ADMIN), world.now
    )
    with pytest.raises(Conflict, match=r"error.price_is_zero"):
        await edit_plan(world.ports, GUILD, old.id, PlanUpdate(price_ids={"stripe": "price_0"}), ADMIN)
    renamed = await edit_plan(world.ports, GUILD, old.id, PlanUpdate(name="Still here"), ADMIN)
    assert renamed.prices[0].amount == 0
    (way,) = (await offer(world.ports, GUILD, MEMBER, renamed)).ways
    assert way.url
