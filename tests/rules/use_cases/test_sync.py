"""From an event to the ledger: what is fetched, and whose it is."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from billing.errors import NotAuthentic, ProviderMisread, ProviderNotFound, ProviderUnavailable
from billing.model import Binding, Status, Subject, Subscription, Unreadable, Vanished
from billing.ports import CheckoutFound
from billing.use_cases.ingest import ingest
from billing.use_cases.sync import sync_subscription
from tests.rules.builders import (
    DAY,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    ROLE,
    make_checkout,
    make_key,
    make_subscription,
)
from tests.rules.harness import RulesHarness


async def test_a_payment_becomes_a_role(world: RulesHarness) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    assert sub.binding == Binding(GUILD, MEMBER)
    assert world.roles_of() == {ROLE}
    assert world.messenger.kinds() == ["started"]
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_a_notification_that_is_not_authentic_leaves_nothing(world: RulesHarness) -> None:
    with pytest.raises(NotAuthentic):
        await ingest(world.ledger, world.clock, world.provider, b"[]", {"signature": "bad"})
    assert await world.ledger.load_pending_events(world.now, 9) == []


async def test_events_that_nobody_needs_are_not_stored(world: RulesHarness) -> None:
    body = b'[{"id": "evt_1", "kind": "ping", "subject": null}]'
    events, new = await ingest(world.ledger, world.clock, world.provider, body, {"signature": "good"})
    assert ([event.id for event in events], new) == (["evt_1"], 0)
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_an_event_out_of_the_future_is_given_up_like_any_other(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderNotFound())
    raw = {"id": "evt_1", "kind": "charge", "subject": ["charge", "ch_1"], "at": world.now + 50 * DAY}
    await ingest(world.ledger, world.clock, world.provider, json.dumps([raw]).encode(), {"signature": "good"})
    (kept,) = await world.ledger.load_pending_events(world.now, 9)
    assert kept.occurred_at == world.now
    await world.pass_time(5 * 60)
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_doubled_events_are_one(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    before = world.provider.count("fetch_subscription")
    assert [await world.ring("subscription", "sub_1", "evt_x") for _ in range(3)] == [1, 0, 0]
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1
    assert await world.ring("subscription", "sub_1", "evt_x") == 0
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1


async def test_many_events_about_one_subscription_are_one_fetch(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    before = world.provider.count("fetch_subscription")
    world.provider.located[Subject("invoice", "in_1")] = ["sub_1"]
    for n, kind in enumerate(["subscription", "invoice", "subscription"]):
        await world.ring(kind, "in_1" if kind == "invoice" else "sub_1", f"evt_{n}")
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_swapped_events_end_in_the_truth(world: RulesHarness) -> None:
    """The event of the payment comes after that of the end; the object tells that it ended."""
    await world.add_plan()
    sub = await world.subscribe()
    world.provider.subscriptions["sub_1"] = replace(sub, status=Status.ENDED, binding=None)
    await world.ring("subscription", "sub_1", "evt_deleted")
    await world.settle()
    await world.ring("subscription", "sub_1", "evt_created")
    await world.settle()
    assert (await world.recorded()).status is Status.ENDED
    assert world.roles_of() == set()


async def test_what_has_ended_is_not_brought_back_by_an_older_answer(world: RulesHarness) -> None:
    await world.add_plan()
    alive = await world.subscribe()
    await world.change(replace(alive, status=Status.ENDED))
    await world.change(alive)
    assert (await world.recorded()).status is Status.ENDED
    assert world.roles_of() == set()
    assert await world.ledger.load_stale(world.now, 9) == []


async def test_events_of_a_customer_reach_recorded_subscriptions_too(world: RulesHarness) -> None:
    """A deleted customer is no longer listed by the provider."""
    await world.add_plan()
    sub = await world.subscribe()
    world.provider.subscriptions["sub_1"] = replace(sub, status=Status.ENDED, binding=None)
    await world.ring("customer", "cus_1")
    await world.settle()
    assert world.roles_of() == set()


async def test_a_customers_event_while_the_provider_is_down_waits(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderUnavailable())
    await world.ring("customer", "cus_1")
    await world.settle()
    assert world.provider.count("locate") == 1
    assert (await world.ledger.load_health(world.now)).inbox == 1
    world.provider.heal()
    await world.pass_time(2)
    assert world.provider.count("locate") == 2
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_an_event_about_what_the_provider_does_not_know_is_done_in_the_end(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderNotFound())
    await world.ring("invoice", "in_gone")
    await world.settle()
    assert (await world.ledger.load_health(world.now)).inbox == 1
    await world.pass_time(5 * 60)
    assert 3 < world.provider.count("locate") < 15
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_what_the_provider_knows_a_little_later_is_found(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout())
    world.provider.subscriptions["sub_1"] = make_subscription(at=world.now, checkout_id="ours_1")
    world.provider.located[Subject("charge", "ch_1")] = ["sub_1"]
    world.provider.fail("locate", ProviderNotFound(), times=2)
    await world.ring("charge", "ch_1")
    await world.pass_time(60)
    assert world.roles_of() == {ROLE}


@pytest.mark.parametrize("kind", ["subscription", "charge", "customer", "dispute", "price"])
async def test_another_accounts_event_touches_nothing(world: RulesHarness, kind: str) -> None:
    """It came in while the other key was set; to this one its ids may mean something else."""
    await world.add_plan()
    await world.subscribe()
    world.provider.located[Subject(kind, "sub_1")] = ["sub_1"]
    before = len(world.provider.calls)
    await world.ring(kind, "sub_1")
    world.provider.account = "live"
    await world.settle()
    assert len(world.provider.calls) == before
    assert world.roles_of() == {ROLE}


class TestWhose:
    """A subscription is a member's through our own opaque id, and through nothing else."""

    async def foreign(self, world: RulesHarness, **more: Any) -> Subscription:
        await world.add_plan()
        return await world.change(make_subscription(at=world.now, **more))

    async def test_by_the_id_in_the_subscription(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout())
        assert (await self.foreign(world, checkout_id="ours_1")).binding == Binding(GUILD, MEMBER)
        found = await world.ledger.load_checkout("ours_1")
        assert found is not None
        assert found.subscription_id == "sub_1"
        assert world.provider.count("fetch_checkout") == 0

    async def test_by_the_checkout_that_made_it(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding == Binding(GUILD, MEMBER)
        assert world.roles_of() == {ROLE}

    async def test_by_a_checkout_whose_answer_was_lost(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout())
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding == Binding(GUILD, MEMBER)

    async def test_not_by_our_id_on_another_page(self, world: RulesHarness) -> None:
        """A payment link takes any reference: somebody lets a stranger pay under their id."""
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_other", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding is None
        assert world.roles_of() == set()

    @pytest.mark.parametrize("checkout_id", ["theirs", "", "11"])
    async def test_not_by_an_id_that_is_not_ours(self, world: RulesHarness, checkout_id: str) -> None:
        await world.ledger.record_checkout(make_checkout())
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", checkout_id, "sub_1", "cus_1")
        assert (await self.foreign(world, checkout_id=checkout_id)).binding is None

    async def test_not_by_a_checkout_without_an_id(self, world: RulesHarness) -> None:
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", None, "sub_1", "cus_1")
        assert (await self.foreign(world)).binding is None

    @pytest.mark.parametrize("other", [{"account": "live"}, {"provider": "paypal"}])
    async def test_not_by_a_checkout_elsewhere(self, world: RulesHarness, other: dict[str, str]) -> None:
        await world.ledger.record_checkout(replace(make_checkout(), **other))  # type: ignore[arg-type]  # strings
        assert (await self.foreign(world, checkout_id="ours_1")).binding is None

    async def test_a_second_subscription_on_one_checkout_is_nobodys(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout())
        await self.foreign(world, checkout_id="ours_1")
        second = await world.change(make_subscription("sub_2", at=world.now, checkout_id="ours_1"))
        assert second.binding is None
        assert (await world.recorded("sub_1")).binding == Binding(GUILD, MEMBER)

    async def test_the_same_customer_is_no_proof(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        made_by_hand = await world.change(make_subscription("sub_2", at=world.now))
        assert made_by_hand.customer_id == "cus_1"
        assert made_by_hand.binding is None

    async def test_it_stays_theirs_whatever_is_written_later(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout("ours_2", plan_id=2))
        await world.ledger.record_checkout(replace(make_checkout("ours_1"), guild_id=OTHER_GUILD))
        await self.foreign(world, checkout_id="ours_2")
        later = await world.change(make_subscription(at=world.now, checkout_id="ours_1"))
        assert later.binding == Binding(GUILD, MEMBER)

    async def test_what_is_not_sold_here_is_not_asked_about(self, world: RulesHarness) -> None:
        await world.change(make_subscription(at=world.now))
        assert world.provider.count("fetch_checkout") == 0


class TestFaults:
    """An error changes nothing, and is tried again."""

    @pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderMisread(), ProviderNotFound()])
    async def test_a_fetch_that_fails_takes_no_role(
        self, world: RulesHarness, error: ProviderUnavailable
    ) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", error)
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert world.roles_of() == {ROLE}
        assert (await world.recorded()).status is Status.ACTIVE

    async def test_tries_grow_apart(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", ProviderUnavailable())
        before = world.provider.count("fetch_subscription")
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert 90 < world.provider.count("fetch_subscription") - before < 110
        world.provider.heal()
        await world.pass_time(900)
        assert (await world.ledger.load_health(world.now)).inbox == 0

    async def test_what_the_provider_does_not_know_is_given_up(self, world: RulesHarness) -> None:
        """Asked again for a while, for its reads may lag behind its events; not for ever."""
        await world.ring("subscription", "sub_none")
        await world.settle()
        assert (await world.ledger.load_health(world.now)).inbox == 1
        await world.pass_time(DAY)
        assert 3 < world.provider.count("fetch_subscription") < 12
        assert (await world.ledger.load_health(world.now)).inbox == 0

    async def test_of_a_members_own_that_is_unknown_the_admins_are_told_once_a_month(
        self, world: RulesHarness
    ) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", ProviderNotFound())
        await world.ring("subscription", "sub_1")
        await world.pass_time(30)
        assert world.told("vanished") == []
        await world.pass_time(DAY)
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        (notice,) = world.told("vanished")
        assert (notice.member_id, notice.body) == (None, Vanished(MEMBER, make_key()))
        assert world.roles_of() == {ROLE}
        world.clock.advance(30 * DAY)
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert len(world.told("vanished")) == 2

    async def test_of_what_gives_no_access_nobody_is_told_that_it_is_unknown(
        self, world: RulesHarness
    ) -> None:
        await world.add_plan()
        await world.subscribe()
        await world.change(make_subscription(status=Status.ENDED, at=world.now))
        world.provider.fail("fetch_subscription", ProviderNotFound())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert world.told("vanished") == []

    async def test_what_cannot_be_read_and_is_nobodys_is_given_up(
        self, world: RulesHarness, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.provider.fail("fetch_subscription", ProviderMisread(detail="items is missing"))
        await world.ring("subscription", "sub_odd")
        with caplog.at_level(logging.WARNING):
            await world.pass_time(DAY)
        assert 5 < world.provider.count("fetch_subscription") < 12
        assert (await world.ledger.load_health(world.now)).inbox == 0
        assert "sub_odd" in caplog.text

    async def test_of_a_members_own_that_cannot_be_read_the_admins_are_told_once(
        self, world: RulesHarness
    ) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", ProviderMisread())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert (await world.ledger.load_health(world.now)).inbox == 1
        (notice,) = world.told("unreadable")
        assert (notice.member_id, notice.body) == (None, Unreadable(MEMBER, make_key()))

    @pytest.mark.parametrize("answers", [True, False])
    async def test_what_was_bought_here_stays_though_it_was_never_read(
        self, world: RulesHarness, *, answers: bool
    ) -> None:
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        world.provider.fail("fetch_subscription", ProviderMisread())
        if not answers:
            world.provider.fail("fetch_checkout", ProviderUnavailable())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert (await world.ledger.load_health(world.now)).inbox == 1
        assert len(world.told("unreadable")) == answers

    async def test_what_is_sold_here_stays_though_nobody_owns_it(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.change(make_subscription(at=world.now))
        world.provider.fail("fetch_subscription", ProviderMisread())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert (await world.ledger.load_health(world.now)).inbox == 1

    async def test_a_new_event_during_the_fetch_is_fetched_again(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await world.ledger.record_stale([make_key()], "one", world.now)
        (stale,) = await world.ledger.load_stale(world.now, 9)
        await world.ledger.record_stale([make_key()], "two", world.now)
        await sync_subscription(world.ports, stale)
        (again,) = await world.ledger.load_stale(world.now, 9)
        assert again.evidence == "two"


async def test_paid_time_ends_by_the_clock_and_the_provider_is_asked(world: RulesHarness) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    await world.change(replace(sub, ends_at=sub.period_end))
    before = world.provider.count("fetch_subscription")
    await world.pass_time((sub.period_end or 0) - world.now)
    assert world.roles_of() == set()
    assert world.provider.count("fetch_subscription") == before + 1
