"""Pages to pay on that were opened before the sale changed, and free days that are had once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.errors import ProviderUnavailable
from billing.model import Item, Plan, Status, Subscription
from billing.use_cases.expire_checkouts import expire_checkouts
from billing.use_cases.plans import PlanUpdate, edit_plan, remove_plan
from billing.use_cases.subscribe import offer
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    OTHER_MEMBER,
    ROLE,
    SECOND_ROLE,
    make_plan,
    make_price,
)
from tests.rules.fakes import FakeProvider
from tests.rules.harness import RulesHarness

YEARLY = make_price("price_2", "prod_2", interval="year", trial_days=14)
SILVER = make_price("price_3", "prod_3", trial_days=14)
MONTHLY = make_price(trial_days=7)


@pytest.fixture
async def shop(world: RulesHarness) -> RulesHarness:
    """A monthly and a yearly plan of one role, each with free days, and another role."""
    await world.add_plan(make_plan(1, prices=(MONTHLY,)))
    await world.add_plan(make_plan(2, ROLE, prices=(YEARLY,)))
    await world.add_plan(make_plan(3, SECOND_ROLE, prices=(SILVER,)))
    return world


async def plan_of(world: RulesHarness, plan_id: int) -> Plan:
    found = await world.ledger.load_plan(plan_id)
    assert found is not None
    return found


async def free_days(world: RulesHarness, plan_id: int, member_id: int = MEMBER) -> int:
    made = await offer(world.ports, GUILD, member_id, await plan_of(world, plan_id))
    return made.ways[0].trial_days


def closed(world: RulesHarness) -> list[str]:
    return [about for name, about in world.provider.calls if name == "close_page"]


async def tried(world: RulesHarness, **more: Any) -> Subscription:
    """The member takes the monthly plan with its free days."""
    facts: dict[str, Any] = {"items": (Item(MONTHLY),), "trial_end": world.now + 7 * DAY, **more}
    return await world.subscribe(status=Status.TRIALING, **facts)


async def test_closing_a_plans_checkouts_leaves_those_of_other_plans(shop: RulesHarness) -> None:
    for member in (MEMBER, OTHER_MEMBER):
        await free_days(shop, 1, member)
    await free_days(shop, 3)
    assert await expire_checkouts(shop.ports, GUILD, None, [1]) == {}
    assert sorted(closed(shop)) == ["cs_1", "cs_2"]


async def test_checkouts_that_cannot_be_closed_are_counted(shop: RulesHarness) -> None:
    await free_days(shop, 1)
    shop.provider.fail("close_page", ProviderUnavailable())
    assert await expire_checkouts(shop.ports, GUILD, None, [1]) == {"Stripe": 1}
    shop.provider.closes_pages = False
    assert await expire_checkouts(shop.ports, GUILD, None, [1]) == {"Stripe": 1}


async def test_recent_checkouts_are_known_after_a_restart(shop: RulesHarness) -> None:
    await free_days(shop, 1)
    shop.ports.pages.__init__()  # type: ignore[misc]  # what was in memory is gone
    shop.clock.advance(2 * DAY)
    assert await expire_checkouts(shop.ports, GUILD, None, [1]) == {}
    assert closed(shop) == [], "it has lapsed by itself"
    await free_days(shop, 1)
    shop.ports.pages.__init__()  # type: ignore[misc]  # again
    await expire_checkouts(shop.ports, GUILD, None, [1])
    assert closed(shop) == ["cs_2"]


async def test_a_payment_closes_the_members_other_checkouts_for_its_roles(shop: RulesHarness) -> None:
    for plan_id in (2, 3):
        await free_days(shop, plan_id)
    await free_days(shop, 2, OTHER_MEMBER)
    await tried(shop)
    assert closed(shop) == ["cs_1"]


async def test_free_days_for_a_role_are_given_once_across_plans(shop: RulesHarness) -> None:
    assert await free_days(shop, 2) == 14
    sub = await tried(shop)
    await shop.change(replace(sub, status=Status.ENDED))
    assert await free_days(shop, 2) == 0
    assert await free_days(shop, 3) == 14


async def test_free_days_for_a_role_are_given_once_across_providers(shop: RulesHarness) -> None:
    paypal = FakeProvider(shop.clock, "paypal", "PayPal", prices={})
    elsewhere = replace(YEARLY, provider="paypal", id="P-2")
    shop.ports.providers["paypal"] = paypal  # type: ignore[index]  # a plain dict
    plan = await plan_of(shop, 2)
    await shop.ledger.record_plan(replace(plan, prices=(*plan.prices, elsewhere)), "test", shop.now)
    sub = await tried(shop)
    await shop.change(replace(sub, status=Status.ENDED, trial_end=None))
    made = await offer(shop.ports, GUILD, MEMBER, await plan_of(shop, 2))
    assert [way.trial_days for way in made.ways] == [0, 0]


async def test_free_days_are_not_given_again_after_their_plan_was_edited(shop: RulesHarness) -> None:
    sub = await tried(shop)
    await shop.change(replace(sub, status=Status.ENDED, trial_end=None))
    await edit_plan(shop.ports, GUILD, 1, PlanUpdate(add_role=SECOND_ROLE, remove_role=ROLE), ADMIN)
    await remove_plan(shop.ports, GUILD, 1, ADMIN)
    assert await free_days(shop, 2) == 0


async def test_free_days_are_not_given_again_after_a_switch_of_plans(shop: RulesHarness) -> None:
    sub = await tried(shop)
    await shop.change(replace(sub, items=(Item(SILVER),), status=Status.ACTIVE, trial_end=None))
    assert await free_days(shop, 2) == 0


async def test_a_member_who_never_had_free_days_can_get_another_plans(
    shop: RulesHarness,
) -> None:
    sub = await shop.subscribe(items=(Item(MONTHLY),))
    await shop.change(replace(sub, status=Status.ENDED))
    assert await free_days(shop, 1) == 0
    assert await free_days(shop, 2) == 14


async def test_free_days_from_an_older_version_count_by_the_subscription(shop: RulesHarness) -> None:
    sub = await tried(shop)
    await shop.change(replace(sub, status=Status.ENDED))
    await shop.ledger._writer.run(lambda db: db.execute("DELETE FROM free_days"))
    assert await free_days(shop, 2) == 0
