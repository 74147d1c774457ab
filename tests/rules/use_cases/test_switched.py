"""A revocation of one plan holds for its subscription, whatever that is switched to at the provider."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import ProviderUnavailable
from billing.model import Item, Subscription
from billing.use_cases.lift import lift
from billing.use_cases.revoke import revoke
from billing.use_cases.subscribe import offer
from tests.rules.builders import (
    ADMIN,
    GUILD,
    MEMBER,
    MONTH,
    ROLE,
    make_order,
    make_plan,
    make_price,
)
from tests.rules.harness import RulesHarness

YEARLY = make_price("price_2", "prod_2", interval="year")


@pytest.fixture
async def yearly(paying: RulesHarness) -> RulesHarness:
    """Another plan gives the same role; the member pays for the first."""
    await paying.add_plan(make_plan(2, ROLE, prices=(YEARLY,)))
    return paying


def switched(sub: Subscription) -> Subscription:
    """As the provider's portal leaves it: renewing, for the other plan."""
    end = sub.created_at + 12 * MONTH
    return replace(sub, items=(Item(YEARLY),), ends_at=None, period_end=end)


async def test_switched_before_the_end_it_ends_all_the_same_and_is_billed_no_further(
    yearly: RulesHarness,
) -> None:
    await revoke(yearly.ports, make_order(plan_id=1))
    await yearly.settle()
    stops = yearly.provider.count("cancel_at_period_end")
    await yearly.change(switched(yearly.provider.subscriptions["sub_1"]))
    assert yearly.provider.count("cancel_at_period_end") == stops + 1
    assert yearly.roles_of() == {ROLE}, "what was paid before is theirs until then"
    await yearly.pass_time(MONTH)
    assert yearly.roles_of() == set()


async def test_switched_after_access_ended_at_once_it_gives_nothing(yearly: RulesHarness) -> None:
    yearly.provider.fail("cancel_now", ProviderUnavailable())
    await revoke(yearly.ports, make_order(plan_id=1, at_once=True))
    await yearly.settle()
    await yearly.change(switched(await yearly.recorded()))
    assert yearly.roles_of() == set()
    yearly.provider.heal()


async def test_one_that_was_ending_when_it_was_revoked_is_covered_too(yearly: RulesHarness) -> None:
    sub = await yearly.recorded()
    await yearly.change(replace(sub, ends_at=sub.period_end))
    await revoke(yearly.ports, make_order(plan_id=1))
    await yearly.change(switched(sub))
    await yearly.pass_time(MONTH)
    assert yearly.roles_of() == set()


async def test_one_bought_in_spite_of_it_is_covered_from_then_on(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, ROLE, prices=(YEARLY,)))
    await world.subscribe("sub_0")
    await revoke(world.ports, make_order(plan_id=1, at_once=True))
    await world.settle()
    late = await world.subscribe()
    assert world.roles_of() == set()
    await world.change(switched(late))
    assert world.roles_of() == set()


async def test_lifted_it_gives_what_it_was_switched_to(yearly: RulesHarness) -> None:
    yearly.provider.fail("cancel_now", ProviderUnavailable())
    done = await revoke(yearly.ports, make_order(plan_id=1, at_once=True))
    await yearly.change(switched(await yearly.recorded()))
    await lift(yearly.ports, GUILD, done.decision_id, ADMIN)
    await yearly.settle()
    assert yearly.roles_of() == {ROLE}
    yearly.provider.heal()


async def test_the_other_plan_can_be_bought_by_itself(yearly: RulesHarness) -> None:
    """The admin revoked one plan; whom they want out of all they revoke without naming a plan."""
    await revoke(yearly.ports, make_order(plan_id=1, at_once=True))
    await yearly.settle()
    (plan,) = [p for p in await yearly.ledger.load_plans(GUILD) if p.id == 2]
    assert (await offer(yearly.ports, GUILD, MEMBER, plan)).ways[0].url
    await yearly.subscribe("sub_2", items=(Item(YEARLY),))
    assert yearly.roles_of() == {ROLE}
