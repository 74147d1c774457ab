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
    make_plan,
    make_price,
    make_revoke_request,
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


async def test_a_revoked_subscription_switched_to_another_plan_still_ends(
    yearly: RulesHarness,
) -> None:
    await revoke(yearly.ports, make_revoke_request(plan_id=1))
    await yearly.settle()
    stops = yearly.provider.count("cancel_at_period_end")
    await yearly.change(switched(yearly.provider.subscriptions["sub_1"]))
    assert yearly.provider.count("cancel_at_period_end") == stops + 1
    assert yearly.roles_of() == {ROLE}, "what was paid before is theirs until then"
    await yearly.pass_time(MONTH)
    assert yearly.roles_of() == set()


async def test_an_immediately_revoked_subscription_gives_nothing_after_a_switch(yearly: RulesHarness) -> None:
    yearly.provider.fail("cancel_now", ProviderUnavailable())
    await revoke(yearly.ports, make_revoke_request(plan_id=1, at_once=True))
    await yearly.settle()
    await yearly.change(switched(await yearly.recorded()))
    assert yearly.roles_of() == set()
    yearly.provider.heal()


async def test_a_subscription_that_was_already_ending_is_revoked_after_a_switch(yearly: RulesHarness) -> None:
    sub = await yearly.recorded()
    await yearly.change(replace(sub, ends_at=sub.period_end))
    await revoke(yearly.ports, make_revoke_request(plan_id=1))
    await yearly.change(switched(sub))
    await yearly.pass_time(MONTH)
    assert yearly.roles_of() == set()


async def test_a_subscription_bought_despite_a_revocation_is_covered_after_a_switch(
    world: RulesHarness,
) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, ROLE, prices=(YEARLY,)))
    await world.subscribe("sub_0")
    await revoke(world.ports, make_revoke_request(plan_id=1, at_once=True))
    await world.settle()
    late = await world.subscribe()
    assert world.roles_of() == set()
    await world.change(switched(late))
    assert world.roles_of() == set()


async def test_lifting_a_revocation_gives_the_switched_plan(yearly: RulesHarness) -> None:
    yearly.provider.fail("cancel_now", ProviderUnavailable())
    done = await revoke(yearly.ports, make_revoke_request(plan_id=1, at_once=True))
    await yearly.change(switched(await yearly.recorded()))
    await lift(yearly.ports, GUILD, done.decision_id, ADMIN)
    await yearly.settle()
    assert yearly.roles_of() == {ROLE}
    yearly.provider.heal()


async def test_another_plan_can_be_bought_despite_the_revocation_of_one(yearly: RulesHarness) -> None:
    """The admin revoked one plan; whom they want out of all they revoke without naming a plan."""
    await revoke(yearly.ports, make_revoke_request(plan_id=1, at_once=True))
    await yearly.settle()
    (plan,) = [p for p in await yearly.ledger.load_plans(GUILD) if p.id == 2]
    assert (await offer(yearly.ports, GUILD, MEMBER, plan)).ways[0].url
    await yearly.subscribe("sub_2", items=(Item(YEARLY),))
    assert yearly.roles_of() == {ROLE}
