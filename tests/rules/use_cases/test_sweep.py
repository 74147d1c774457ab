"""Sweeps repair whatever was missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from billing.errors import ProviderMisread, ProviderUnavailable, RoleAboveBot
from billing.model import Binding, Disputed, DisputeState, Item, Status, Subscription
from billing.ports import CheckoutFound
from billing.use_cases.refresh_prices import refresh_prices
from billing.use_cases.sweep import FINDS_ITS_PAYER, sweep
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    ROLE,
    make_checkout,
    make_key,
    make_override,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.harness import RulesHarness


async def swept(world: RulesHarness) -> list[str]:
    faults = await sweep(world.ports)
    await world.settle()
    return faults


async def test_a_sweep_finds_a_payment_without_notification(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout())
    world.provider.subscriptions["sub_1"] = make_subscription(at=world.now, checkout_id="ours_1")
    assert await swept(world) == []
    assert world.roles_of() == {ROLE}
    assert world.messenger.kinds() == ["started"]


async def test_a_sweep_finds_an_end_without_notification(paying: RulesHarness) -> None:
    paying.provider.subscriptions["sub_1"] = replace(
        await paying.recorded(), status=Status.ENDED, binding=None
    )
    await swept(paying)
    assert paying.roles_of() == set()


async def test_a_sweep_does_not_fetch_unchanged_subscriptions(paying: RulesHarness) -> None:
    before = paying.provider.count("fetch_subscription", "fetch_checkout")
    for _ in range(3):
        await swept(paying)
    assert paying.provider.count("fetch_subscription", "fetch_checkout") == before


async def test_a_sweep_ignores_subscriptions_to_other_products(world: RulesHarness) -> None:
    await world.add_plan()
    other = (Item(make_price("shop", "shop")),)
    world.provider.subscriptions["sub_9"] = make_subscription("sub_9", at=world.now, items=other)
    await swept(world)
    assert await world.ledger.load_subscription(make_key("sub_9")) is None


@pytest.mark.parametrize("after", [True, False])
async def test_a_failed_list_ends_nobodys_access(paying: RulesHarness, *, after: bool) -> None:
    paying.provider.subscriptions.clear()
    paying.provider.fail("list_subscriptions", ProviderUnavailable(), after=after)
    (fault,) = await swept(paying)
    assert fault.startswith("Stripe: ")
    assert paying.roles_of() == {ROLE}


async def test_an_empty_list_ends_nobodys_access(paying: RulesHarness) -> None:
    paying.provider.subscriptions.clear()
    assert await swept(paying) == []
    await paying.pass_time(DAY)
    assert paying.roles_of() == {ROLE}


@pytest.mark.parametrize("lists_all", [True, False])
async def test_a_subscription_missing_at_the_provider_is_reported_to_admins(
    paying: RulesHarness, *, lists_all: bool
) -> None:
    paying.provider.lists_all = lists_all
    paying.provider.subscriptions.clear()
    before = paying.provider.count("fetch_subscription")
    assert await swept(paying) == []
    await paying.pass_time(60)
    assert paying.provider.count("fetch_subscription") == before + 2
    assert len(paying.told("vanished")) == 1
    assert paying.roles_of() == {ROLE}
    assert (await paying.ledger.load_health(paying.now)).oldest_event_age is None


async def test_a_subscription_missing_from_the_list_is_fetched_by_its_id(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = replace(await paying.recorded(), status=Status.ENDED, binding=None)
    paying.provider.subscriptions["sub_1"] = ended

    async def nothing(*_: object) -> AsyncIterator[Subscription]:
        nobody: list[Subscription] = []
        for one in nobody:
            yield one

    monkeypatch.setattr(paying.provider, "list_subscriptions", nothing)
    before = paying.provider.count("fetch_subscription")
    for _ in range(2):
        assert await swept(paying) == []
    assert paying.roles_of() == set()
    assert paying.provider.count("fetch_subscription") == before + 1, "what has ended is not asked for again"


async def test_a_providers_failure_does_not_stop_the_check_of_members(
    paying: RulesHarness,
) -> None:
    paying.provider.fail("list_subscriptions", ProviderUnavailable())
    paying.roles_of().clear()
    paying.clock.advance(60)
    await swept(paying)
    assert paying.roles_of() == {ROLE}


async def test_a_sweep_corrects_drifted_roles(paying: RulesHarness) -> None:
    paying.roles_of().clear()
    paying.clock.advance(60)
    await swept(paying)
    assert paying.roles_of() == {ROLE}


async def test_a_sweep_retries_parked_members(paying: RulesHarness) -> None:
    paying.roles_of().clear()
    paying.roles.faults[ROLE] = RoleAboveBot()
    paying.clock.advance(60)
    await swept(paying)
    assert len(await paying.ledger.load_parked(GUILD, 0, 999)) == 1
    paying.roles.faults.clear()
    paying.clock.advance(60)
    await swept(paying)
    assert await paying.ledger.load_parked(GUILD, 0, 999) == []
    assert paying.roles_of() == {ROLE}


async def test_an_outdated_list_does_not_undo_a_newer_event(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list's page is older than the payment, and the payment's event is handled before the page."""
    await world.add_plan()
    pending = await world.subscribe(status=Status.PENDING)

    async def old_page(*_: object) -> AsyncIterator[Subscription]:
        await world.change(replace(pending, status=Status.ACTIVE))
        assert world.roles_of() == {ROLE}
        yield replace(pending, binding=None)

    monkeypatch.setattr(world.provider, "list_subscriptions", old_page)
    await swept(world)
    assert world.roles_of() == {ROLE}
    assert (await world.recorded()).status is Status.ACTIVE
    assert world.roles.changes() == [("give", ROLE)]


async def test_a_sweep_looks_for_a_missing_checkout_for_some_days(world: RulesHarness) -> None:
    """The subscription became known before its checkout."""
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
    first = await world.change(make_subscription(at=world.now))
    assert first.binding is None
    await swept(world)
    world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
    await swept(world)
    assert (await world.recorded()).binding == Binding(GUILD, MEMBER)
    assert world.roles_of() == {ROLE}


async def test_a_sweep_stops_looking_for_the_checkout_of_an_unowned_subscription(world: RulesHarness) -> None:
    await world.add_plan()
    await world.change(make_subscription(at=world.now))
    world.clock.advance(FINDS_ITS_PAYER)
    before = world.provider.count("fetch_checkout")
    await swept(world)
    assert world.provider.count("fetch_checkout") == before


async def test_a_sweep_retries_a_checkout_that_could_not_be_fetched(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
    world.provider.subscriptions["sub_1"] = make_subscription(at=world.now)
    world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
    world.provider.fail("fetch_checkout", ProviderMisread(), times=1)
    assert await swept(world) == []
    assert world.roles_of() == {ROLE}


async def test_a_sweep_stops_a_blocked_subscription_that_renews(paying: RulesHarness) -> None:
    await paying.ledger.record_overrides([make_override(1, by=ADMIN)], [], [], paying.now)
    await swept(paying)
    assert paying.provider.subscriptions["sub_1"].ends_at is not None


async def test_a_sweep_updates_changed_prices(world: RulesHarness) -> None:
    await world.add_plan()
    world.provider.prices["price_1"] = make_price(amount=900)
    await refresh_prices(world.ports)
    (plan,) = await world.ledger.load_plans(GUILD)
    assert plan.prices[0].amount == 900
    world.provider.fail("fetch_price", ProviderUnavailable())
    await refresh_prices(world.ports)
    assert await world.ledger.load_plans(GUILD) == [plan]


async def test_each_price_is_fetched_once_and_none_after_an_outage(
    world: RulesHarness,
) -> None:
    second = make_price("price_2")
    await world.add_plan()
    await world.add_plan(replace(make_plan(2), guild_id=OTHER_GUILD))
    await world.add_plan(make_plan(3, prices=(second,)))
    await refresh_prices(world.ports)
    assert world.provider.count("fetch_price") == 2
    world.provider.fail("fetch_price", ProviderUnavailable())
    await refresh_prices(world.ports)
    assert world.provider.count("fetch_price") == 3


async def test_a_missing_price_does_not_stop_the_others(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, prices=(make_price("price_2"),)))
    del world.provider.prices["price_1"]
    world.provider.prices["price_2"] = make_price("price_2", active=False)
    await refresh_prices(world.ports)
    assert [p.prices[0].active for p in await world.ledger.load_plans(GUILD)] == [False, False]


class TestDisputes:
    async def test_a_sweep_finds_a_dispute_and_its_win(self, paying: RulesHarness) -> None:
        paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.OPEN)
        await swept(paying)
        assert paying.roles_of() == set()
        paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.WON)
        await swept(paying)
        assert paying.roles_of() == {ROLE}
        assert [body.state for body in paying.said(Disputed)] == ["open", "won"]

    async def test_a_sweep_finds_a_dropped_inquiry(self, paying: RulesHarness) -> None:
        for state in (DisputeState.OPEN, DisputeState.NONE):
            paying.provider.disputes["dp_1"] = ("sub_1", state)
            await swept(paying)
        assert paying.roles_of() == {ROLE}

    async def test_a_sweep_ends_the_billing_after_a_lost_dispute(self, paying: RulesHarness) -> None:
        paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.LOST)
        await swept(paying)
        assert paying.provider.subscriptions["sub_1"].status is Status.ENDED

    async def test_a_sweep_does_not_fetch_unchanged_disputes(self, paying: RulesHarness) -> None:
        for number, state in enumerate(DisputeState):
            paying.provider.disputes[f"dp_{number}"] = (None, state)
        for _ in range(3):
            await swept(paying)
        assert paying.provider.count("fetch_dispute") == 3, "none that came to nothing"
        assert paying.provider.count("list_disputes") == 3

    async def test_an_unreadable_dispute_does_not_stop_the_others(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fetch = paying.provider.fetch_dispute

        async def some(name: str) -> tuple[str | None, DisputeState]:
            if name == "dp_0":
                raise ProviderMisread
            return await fetch(name)

        monkeypatch.setattr(paying.provider, "fetch_dispute", some)
        for name in ("dp_0", "dp_1"):
            paying.provider.disputes[name] = ("sub_1", DisputeState.OPEN)
        assert await swept(paying) == []
        assert paying.roles_of() == set()

    async def test_a_sweep_stops_fetching_disputes_after_an_outage(self, paying: RulesHarness) -> None:
        for name in ("dp_0", "dp_1"):
            paying.provider.disputes[name] = ("sub_1", DisputeState.OPEN)
        paying.provider.fail("fetch_dispute", ProviderUnavailable())
        assert len(await swept(paying)) == 1
        assert paying.provider.count("fetch_dispute") == 1
