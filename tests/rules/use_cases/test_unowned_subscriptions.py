"""Running subscriptions on prices that are sold here and that belong to nobody: said, never passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.model import Item, Status, Subscription, UnboundPayers
from billing.model.translatable_text import Text
from billing.use_cases.doctor import diagnose, find_key
from billing.use_cases.sweep import sweep
from i18n.plain import plain_words
from tests.rules.builders import GUILD, OTHER_GUILD, make_plan, make_price, make_subscription
from tests.rules.harness import RulesHarness


def stand(world: RulesHarness, *subscriptions: Subscription) -> None:
    """At the provider, from before the bot."""
    for one in subscriptions:
        world.provider.subscriptions[one.key.id] = one


async def swept(world: RulesHarness) -> None:
    assert await sweep(world.ports) == []
    await world.settle()


async def said(world: RulesHarness, guild_id: int = GUILD, *, owner: bool = False) -> list[str]:
    found = await diagnose(world.ports, guild_id, owner=owner)
    return [
        plain_words(finding.message)
        for finding in found
        if finding.what == Text("finding.what_payers") and not finding.ok
    ]


@pytest.fixture
async def two(world: RulesHarness) -> RulesHarness:
    """Two of them run, and others do not count."""
    await world.add_plan()
    foreign = (Item(make_price("price_9", "prod_9")),)
    stand(
        world,
        make_subscription("sub_1", at=world.now),
        make_subscription("sub_2", Status.PAST_DUE, at=world.now),
        make_subscription("sub_3", Status.ENDED, at=world.now),
        make_subscription("sub_4", Status.PENDING, at=world.now),
        make_subscription("sub_5", at=world.now, items=foreign),
    )
    await world.subscribe("sub_6")
    await swept(world)
    return world


async def test_unowned_subscriptions_are_reported_once_and_counted_by_doctor(two: RulesHarness) -> None:
    (line,) = await said(two)
    assert line.startswith(
        "2 active Stripe subscriptions with this server's prices aren't linked to any member"
    )
    for _ in range(3):
        await swept(two)
    (notice,) = two.told("unbound_payers")
    assert (notice.guild_id, notice.member_id) == (GUILD, None)
    assert notice.body == UnboundPayers("stripe", 2)


async def test_the_metric_counts_unowned_subscriptions_sold_here(two: RulesHarness) -> None:
    assert (await two.ledger.load_health(two.now)).unbound == 2
    await two.change(make_subscription("sub_1", Status.ENDED, at=two.now))
    assert (await two.ledger.load_health(two.now)).unbound == 1


async def test_nothing_is_reported_without_unowned_subscriptions(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    await swept(world)
    assert await said(world) == []
    assert world.told("unbound_payers") == []
    assert (await world.ledger.load_health(world.now)).unbound == 0


async def test_only_the_owner_sees_unowned_subscriptions_of_a_shared_account(two: RulesHarness) -> None:
    """A second server's admin learns nothing of the first one's payers by selling their price."""
    other = replace(make_plan(2), guild_id=OTHER_GUILD)
    await two.add_plan(other)
    for guild_id in (GUILD, OTHER_GUILD):
        assert await said(two, guild_id) == []
        assert len(await said(two, guild_id, owner=True)) == 1
    two.messenger.told.clear()
    await swept(two)
    assert {(notice.guild_id, notice.member_id) for notice in two.told("unbound_payers")} == {
        (GUILD, 99),
        (OTHER_GUILD, 99),
    }


async def test_unowned_subscriptions_to_a_removed_plan_are_reported(two: RulesHarness) -> None:
    (plan,) = await two.ledger.load_plans(GUILD)
    await two.ledger.record_plan(replace(plan, removed_at=two.now), "test", two.now)
    assert len(await said(two)) == 1


def test_a_missing_secret_key_is_a_note_with_its_consequence() -> None:
    note = find_key(["stripe"], signed=False)
    assert note.ok
    assert note.note
    assert "SECRET_KEY isn't set" in plain_words(note.message)
    assert "PayPal" not in plain_words(note.message)
    assert "you'll have to link PayPal subscribers yourself" in plain_words(
        find_key(["stripe", "paypal"], signed=False).message
    )
    set_up = find_key(["stripe", "paypal"], signed=True)
    assert "isn't set" not in plain_words(set_up.message)
    assert not set_up.note
