"""Whatever was missed heals by itself."""

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


async def test_a_lost_payment_is_found(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout())
    world.provider.subscriptions["sub_1"] = make_subscription(at=world.now, checkout_id="ours_1")
    assert await swept(world) == []
    assert world.roles_of() == {ROLE}
    assert world.messenger.kinds() == ["started"]


async def test_a_lost_end_is_found(paying: RulesHarness) -> None:
    paying.provider.subscriptions["sub_1"] = replace(
        await paying.recorded(), status=Status.ENDED, binding=None
    )
    await swept(paying)
    assert paying.roles_of() == set()


async def test_what_did_not_change_is_not_fetched(paying: RulesHarness) -> None:
    before = paying.provider.count("fetch_subscription", "fetch_checkout")
    for _ in range(3):
        await swept(paying)
    assert paying.provider.count("fetch_subscription", "fetch_checkout") == before


async def test_what_others_sell_on_the_account_is_left_alone(world: RulesHarness) -> None:
    await world.add_plan()
    other = (Item(make_price("shop", "shop")),)
    world.provider.subscriptions["sub_9"] = make_subscription("sub_9", at=world.now, items=other)
    await swept(world)
    assert await world.ledger.load_subscription(make_key("sub_9")) is None


@pytest.mark.parametrize("after", [True, False])
async def test_a_list_that_fails_ends_nobodys_access(paying: RulesHarness, *, after: bool) -> None:
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
async def test_what_the_provider_lost_is_told_to_the_admins_soon(
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


async def test_what_a_whole_list_leaves_out_is_asked_for_by_its_id(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = replace(await paying.recorded(), status=Status.ENDED, binding=None)
    paying.provider.subscriptions["sub_1"] = ended

    async def nothing(known: object) -> AsyncIterator[Subscription]:
        nobody: list[Subscription] = []
        for one in nobody:
            yield one

    monkeypatch.setattr(paying.provider, "list_subscriptions", nothing)
    before = paying.provider.count("fetch_subscription")
    for _ in range(2):
        assert await swept(paying) == []
    assert paying.roles_of() == set()
    assert paying.provider.count("fetch_subscription") == before + 1, "what has ended is not asked for again"


async def test_a_fault_at_one_provider_does_not_keep_members_from_being_looked_at(
    paying: RulesHarness,
) -> None:
    paying.provider.fail("list_subscriptions", ProviderUnavailable())
    paying.roles_of().clear()
    paying.clock.advance(60)
    await swept(paying)
    assert paying.roles_of() == {ROLE}


async def test_roles_that_drifted_are_set_right(paying: RulesHarness) -> None:
    paying.roles_of().clear()
    paying.clock.advance(60)
    await swept(paying)
    assert paying.roles_of() == {ROLE}


async def test_the_parked_are_tried_again(paying: RulesHarness) -> None:
    paying.roles_of().clear()
    paying.roles.faults[ROLE] = RoleAboveBot()
    paying.clock.advance(60)
    await swept(paying)
    assert len(await paying.ledger.load_parked(GUILD)) == 1
    paying.roles.faults.clear()
    paying.clock.advance(60)
    await swept(paying)
    assert await paying.ledger.load_parked(GUILD) == []
    assert paying.roles_of() == {ROLE}


async def test_a_list_that_is_old_by_now_does_not_undo_what_was_heard_since(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was made before the payment; the payment's event is done with before the page is."""
    await world.add_plan()
    pending = await world.subscribe(status=Status.PENDING)

    async def old_page(known: object) -> AsyncIterator[Subscription]:
        await world.change(replace(pending, status=Status.ACTIVE))
        assert world.roles_of() == {ROLE}
        yield replace(pending, binding=None)

    monkeypatch.setattr(world.provider, "list_subscriptions", old_page)
    await swept(world)
    assert world.roles_of() == {ROLE}
    assert (await world.recorded()).status is Status.ACTIVE
    assert world.roles.changes() == [("give", ROLE)]


async def test_a_lost_checkout_is_found_for_some_days(world: RulesHarness) -> None:
    """A subscription was heard of before its checkout was."""
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
    first = await world.change(make_subscription(at=world.now))
    assert first.binding is None
    await swept(world)
    world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
    await swept(world)
    assert (await world.recorded()).binding == Binding(GUILD, MEMBER)
    assert world.roles_of() == {ROLE}


async def test_payers_of_other_programs_are_not_asked_about_for_ever(world: RulesHarness) -> None:
    await world.add_plan()
    await world.change(make_subscription(at=world.now))
    world.clock.advance(FINDS_ITS_PAYER)
    before = world.provider.count("fetch_checkout")
    await swept(world)
    assert world.provider.count("fetch_checkout") == before


async def test_a_new_one_whose_checkout_cannot_be_asked_for_is_tried_again(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
    world.provider.subscriptions["sub_1"] = make_subscription(at=world.now)
    world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
    world.provider.fail("fetch_checkout", ProviderMisread(), times=1)
    assert await swept(world) == []
    assert world.roles_of() == {ROLE}


async def test_what_should_have_been_stopped_is_stopped(paying: RulesHarness) -> None:
    await paying.ledger.record_overrides([make_override(1, by=ADMIN)], [], [], paying.now)
    await swept(paying)
    assert paying.provider.subscriptions["sub_1"].ends_at is not None


async def test_prices_are_kept_up_to_date(world: RulesHarness) -> None:
    await world.add_plan()
    world.provider.prices["price_1"] = make_price(amount=900)
    await refresh_prices(world.ports)
    (plan,) = await world.ledger.load_plans(GUILD)
    assert plan.prices[0].amount == 900
    world.provider.fail("fetch_price", ProviderUnavailable())
    await refresh_prices(world.ports)
    assert await world.ledger.load_plans(GUILD) == [plan]


async def test_each_price_is_asked_for_once_and_none_further_of_a_provider_that_is_down(
    world: RulesHarness,
) -> None:
    second = make_price("price_2")
    for number, prices in enumerate([(make_price(),), (make_price(),), (second,)]):
        await world.add_plan(make_plan(number, prices=prices))
    await refresh_prices(world.ports)
    assert world.provider.count("fetch_price") == 2
    world.provider.fail("fetch_price", ProviderUnavailable())
    await refresh_prices(world.ports)
    assert world.provider.count("fetch_price") == 3


async def test_a_price_that_is_gone_keeps_no_other_from_being_asked_for(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, prices=(make_price("price_2"),)))
    del world.provider.prices["price_1"]
    world.provider.prices["price_2"] = make_price("price_2", active=False)
    await refresh_prices(world.ports)
    assert [p.prices[0].active for p in await world.ledger.load_plans(GUILD)] == [False, False]


class TestDisputes:
    async def test_one_that_nobody_told_of_bars_access_until_it_is_won(self, paying: RulesHarness) -> None:
        paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.OPEN)
        await swept(paying)
        assert paying.roles_of() == set()
        paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.WON)
        await swept(paying)
        assert paying.roles_of() == {ROLE}
        assert [body.state for body in paying.said(Disputed)] == ["open", "won"]

    async def test_an_inquiry_that_came_to_nothing_gives_access_back(self, paying: RulesHarness) -> None:
        for state in (DisputeState.OPEN, DisputeState.NONE):
            paying.provider.disputes["dp_1"] = ("sub_1", state)
            await swept(paying)
        assert paying.roles_of() == {ROLE}

    async def test_one_that_is_lost_ends_the_billing(self, paying: RulesHarness) -> None:
        paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.LOST)
        await swept(paying)
        assert paying.provider.subscriptions["sub_1"].status is Status.ENDED

    async def test_what_stands_as_it_did_is_not_looked_at(self, paying: RulesHarness) -> None:
        for number, state in enumerate(DisputeState):
            paying.provider.disputes[f"dp_{number}"] = (None, state)
        for _ in range(3):
            await swept(paying)
        assert paying.provider.count("fetch_dispute") == 3, "none that came to nothing"
        assert paying.provider.count("list_disputes") == 3

    async def test_one_that_cannot_be_read_keeps_no_other_from_being_seen(
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

    async def test_a_provider_that_does_not_answer_is_asked_no_further(self, paying: RulesHarness) -> None:
        for name in ("dp_0", "dp_1"):
            paying.provider.disputes[name] = ("sub_1", DisputeState.OPEN)
        paying.provider.fail("fetch_dispute", ProviderUnavailable())
        assert len(await swept(paying)) == 1
        assert paying.provider.count("fetch_dispute") == 1
