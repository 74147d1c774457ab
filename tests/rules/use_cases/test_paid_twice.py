"""Two pages, two payments, one plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.model import Item, PaidTwice, Status
from tests.rules.builders import (
    DAY,
    MEMBER,
    OTHER_GUILD,
    OTHER_MEMBER,
    SECOND_ROLE,
    make_checkout,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.harness import START, RulesHarness


def pairs(world: RulesHarness) -> list[tuple[int | None, str, str]]:
    whom = [notice.member_id for notice in world.told("paid_twice")]
    bodies = world.said(PaidTwice)
    return [(who, b.other.id, b.subscription.id) for who, b in zip(whom, bodies, strict=True)]


async def test_member_and_admins_are_told_once_of_two_subscriptions_to_one_plan(world: RulesHarness) -> None:
    await world.add_plan()
    first = await world.subscribe()
    world.clock.advance(1)
    second = await world.subscribe("sub_2")
    for sub in (first, second):
        await world.change(replace(sub, ends_at=sub.period_end))
        await world.change(replace(sub, ends_at=None))
    assert pairs(world) == [(MEMBER, "sub_1", "sub_2"), (None, "sub_1", "sub_2")]
    await world.subscribe("sub_3")
    assert len(pairs(world)) == 6


async def test_a_subscription_switched_to_the_same_plan_is_reported_as_second(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),)))
    await world.subscribe()
    world.clock.advance(1)
    other = await world.subscribe("sub_2", items=(Item(make_price("price_2", "prod_2")),))
    assert pairs(world) == []
    await world.change(replace(other, items=(Item(make_price()),)))
    assert len(pairs(world)) == 2


@pytest.mark.parametrize(
    "first",
    [
        {"ends_at": START + DAY},
        {"status": Status.ENDED},
        {"status": Status.PENDING},
        {"status": Status.UNPAID},
    ],
)
async def test_a_subscription_that_is_not_charged_again_is_not_reported_as_second(
    world: RulesHarness, first: dict[str, Any]
) -> None:
    await world.add_plan()
    await world.subscribe(**first)
    await world.subscribe("sub_2")
    assert pairs(world) == []


async def test_another_members_subscription_is_not_reported_as_second(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(replace(make_checkout("theirs"), member_id=OTHER_MEMBER))
    await world.change(make_subscription("sub_2", at=world.now, checkout_id="theirs"))
    await world.subscribe()
    assert pairs(world) == []


async def test_another_servers_subscription_is_not_reported_as_second(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_plan(replace(make_plan(0), guild_id=OTHER_GUILD), "test", world.now)
    await world.ledger.record_checkout(replace(make_checkout("there"), guild_id=OTHER_GUILD))
    await world.change(make_subscription("sub_2", at=world.now, checkout_id="there"))
    await world.subscribe()
    assert pairs(world) == []


async def test_a_plain_renewal_does_not_read_the_members_other_subscriptions(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    monkeypatch.setattr(world.ledger, "load_subscriptions_of", None)
    renewed = await world.change(replace(sub, period_end=world.now + 1))
    assert renewed.period_end == world.now + 1
