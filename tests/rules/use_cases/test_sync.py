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


async def test_a_payment_gives_its_role(world: RulesHarness) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    assert sub.binding == Binding(GUILD, MEMBER)
    assert world.roles_of() == {ROLE}
    assert world.messenger.kinds() == ["started"]
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_a_forged_notification_is_not_stored(world: RulesHarness) -> None:
    with pytest.raises(NotAuthentic):
        await ingest(world.ledger, world.clock, world.provider, b"[]", {"signature": "bad"})
    assert await world.ledger.load_pending_events(world.now, 9) == []


async def test_an_event_without_a_subject_is_not_stored(world: RulesHarness) -> None:
    body = b'[{"id": "evt_1", "kind": "ping", "subject": null}]'
    events, new = await ingest(world.ledger, world.clock, world.provider, body, {"signature": "good"})
    assert ([event.id for event in events], new) == (["evt_1"], 0)
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_an_event_dated_in_the_future_is_given_up_too(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderNotFound())
    raw = {"id": "evt_1", "kind": "charge", "subject": ["charge", "ch_1"], "at": world.now + 50 * DAY}
    await ingest(world.ledger, world.clock, world.provider, json.dumps([raw]).encode(), {"signature": "good"})
    (kept,) = await world.ledger.load_pending_events(world.now, 9)
    assert kept.occurred_at == world.now
    await world.pass_time(5 * 60)
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_a_repeated_event_causes_one_fetch(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    before = world.provider.count("fetch_subscription")
    assert [await world.ring("subscription", "sub_1", "evt_x") for _ in range(3)] == [1, 0, 0]
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1
    assert await world.ring("subscription", "sub_1", "evt_x") == 0
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1


async def test_many_events_about_one_subscription_cause_one_fetch(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    before = world.provider.count("fetch_subscription")
    world.provider.located[Subject("invoice", "in_1")] = ["sub_1"]
    for n, kind in enumerate(["subscription", "invoice", "subscription"]):
        await world.ring(kind, "in_1" if kind == "invoice" else "sub_1", f"evt_{n}")
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_reordered_events_end_in_the_providers_state(world: RulesHarness) -> None:
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


async def test_an_older_answer_does_not_revive_an_ended_subscription(world: RulesHarness) -> None:
    await world.add_plan()
    alive = await world.subscribe()
    await world.change(replace(alive, status=Status.ENDED))
    await world.change(alive)
    assert (await world.recorded()).status is Status.ENDED
    assert world.roles_of() == set()
    assert await world.ledger.load_stale(world.now, 9) == []


async def test_a_customers_event_refetches_recorded_subscriptions(world: RulesHarness) -> None:
    """A deleted customer is no longer listed by the provider."""
    await world.add_plan()
    sub = await world.subscribe()
    world.provider.subscriptions["sub_1"] = replace(sub, status=Status.ENDED, binding=None)
    await world.ring("customer", "cus_1")
    await world.settle()
    assert world.roles_of() == set()


async def test_a_customers_event_waits_while_the_provider_is_down(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderUnavailable())
    await world.ring("customer", "cus_1")
    await world.settle()
    assert world.provider.count("locate") == 1
    assert (await world.ledger.load_health(world.now)).inbox == 1
    world.provider.heal()
    await world.pass_time(2)
    assert world.provider.count("locate") == 2
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_an_event_about_an_unknown_object_is_finally_done(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderNotFound())
    await world.ring("invoice", "in_gone")
    await world.settle()
    assert (await world.ledger.load_health(world.now)).inbox == 1
    await world.pass_time(5 * 60)
    assert 3 < world.provider.count("locate") < 15
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_an_object_that_appears_late_at_the_provider_is_found(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_checkout(make_checkout())
    world.provider.subscriptions["sub_1"] = make_subscription(at=world.now, checkout_id="ours_1")
    world.provider.located[Subject("charge", "ch_1")] = ["sub_1"]
    world.provider.fail("locate", ProviderNotFound(), times=2)
    await world.ring("charge", "ch_1")
    await world.pass_time(60)
    assert world.roles_of() == {ROLE}


@pytest.mark.parametrize("kind", ["subscription", "charge", "customer", "dispute", "price"])
async def test_another_accounts_event_changes_nothing(world: RulesHarness, kind: str) -> None:
    """The event came in while the other key was set; its ids may mean something else to this one."""
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

    async def test_a_checkout_id_in_the_subscription_binds_it(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout())
        assert (await self.foreign(world, checkout_id="ours_1")).binding == Binding(GUILD, MEMBER)
        found = await world.ledger.load_checkout("ours_1")
        assert found is not None
        assert found.subscription_id == "sub_1"
        assert world.provider.count("fetch_checkout") == 0

    async def test_the_checkout_that_made_a_subscription_binds_it(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding == Binding(GUILD, MEMBER)
        assert world.roles_of() == {ROLE}

    async def test_a_checkout_whose_answer_was_lost_binds_its_subscription(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout())
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding == Binding(GUILD, MEMBER)

    async def test_a_checkout_id_on_another_page_binds_nothing(self, world: RulesHarness) -> None:
        """A payment link takes any reference: somebody lets a stranger pay under their id."""
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_other", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding is None
        assert world.roles_of() == set()

    @pytest.mark.parametrize("checkout_id", ["theirs", "", "11"])
    async def test_a_foreign_checkout_id_binds_nothing(self, world: RulesHarness, checkout_id: str) -> None:
        await world.ledger.record_checkout(make_checkout())
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", checkout_id, "sub_1", "cus_1")
        assert (await self.foreign(world, checkout_id=checkout_id)).binding is None

    async def test_a_checkout_without_an_id_binds_nothing(self, world: RulesHarness) -> None:
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", None, "sub_1", "cus_1")
        assert (await self.foreign(world)).binding is None

    @pytest.mark.parametrize("other", [{"account": "live"}, {"provider": "paypal"}])
    async def test_a_checkout_of_another_account_binds_nothing(
        self, world: RulesHarness, other: dict[str, str]
    ) -> None:
        await world.ledger.record_checkout(replace(make_checkout(), **other))  # type: ignore[arg-type]  # strings
        assert (await self.foreign(world, checkout_id="ours_1")).binding is None

    async def test_a_second_subscription_of_one_checkout_is_unowned(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout())
        await self.foreign(world, checkout_id="ours_1")
        second = await world.change(make_subscription("sub_2", at=world.now, checkout_id="ours_1"))
        assert second.binding is None
        assert (await world.recorded("sub_1")).binding == Binding(GUILD, MEMBER)

    async def test_the_same_customer_does_not_bind_a_subscription(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        made_by_hand = await world.change(make_subscription("sub_2", at=world.now))
        assert made_by_hand.customer_id == "cus_1"
        assert made_by_hand.binding is None

    async def test_a_bound_subscription_stays_with_its_member(self, world: RulesHarness) -> None:
        await world.ledger.record_checkout(make_checkout("ours_2", plan_id=2))
        await world.ledger.record_checkout(replace(make_checkout("ours_1"), guild_id=OTHER_GUILD))
        await self.foreign(world, checkout_id="ours_2")
        later = await world.change(make_subscription(at=world.now, checkout_id="ours_1"))
        assert later.binding == Binding(GUILD, MEMBER)

    async def test_the_checkout_of_a_foreign_product_is_not_fetched(self, world: RulesHarness) -> None:
        await world.change(make_subscription(at=world.now))
        assert world.provider.count("fetch_checkout") == 0


class TestFaults:
    """An error changes nothing, and is tried again."""

    @pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderMisread(), ProviderNotFound()])
    async def test_a_failed_fetch_takes_no_role(
        self, world: RulesHarness, error: ProviderUnavailable
    ) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", error)
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert world.roles_of() == {ROLE}
        assert (await world.recorded()).status is Status.ACTIVE

    async def test_attempts_to_fetch_grow_apart(self, world: RulesHarness) -> None:
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

    async def test_a_fetch_of_an_unknown_subscription_is_given_up(self, world: RulesHarness) -> None:
        """Asked again for a while, for its reads may lag behind its events; not for ever."""
        await world.ring("subscription", "sub_none")
        await world.settle()
        assert (await world.ledger.load_health(world.now)).inbox == 1
        await world.pass_time(DAY)
        assert 3 < world.provider.count("fetch_subscription") < 12
        assert (await world.ledger.load_health(world.now)).inbox == 0

    async def test_a_members_missing_subscription_is_reported_once_a_month(self, world: RulesHarness) -> None:
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

    async def test_a_missing_subscription_without_access_is_not_reported(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await world.change(make_subscription(status=Status.ENDED, at=world.now))
        world.provider.fail("fetch_subscription", ProviderNotFound())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert world.told("vanished") == []

    async def test_an_unreadable_unowned_subscription_is_given_up(
        self, world: RulesHarness, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.provider.fail("fetch_subscription", ProviderMisread(detail="items is missing"))
        await world.ring("subscription", "sub_odd")
        with caplog.at_level(logging.WARNING):
            await world.pass_time(DAY)
        assert 5 < world.provider.count("fetch_subscription") < 12
        assert (await world.ledger.load_health(world.now)).inbox == 0
        assert "sub_odd" in caplog.text

    async def test_a_members_unreadable_subscription_is_reported_once(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", ProviderMisread())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert (await world.ledger.load_health(world.now)).inbox == 1
        (notice,) = world.told("unreadable")
        assert (notice.member_id, notice.body) == (None, Unreadable(MEMBER, make_key()))

    @pytest.mark.parametrize("answers", [True, False])
    async def test_an_unreadable_subscription_bought_here_stays_queued(
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

    async def test_an_unreadable_subscription_sold_here_stays_queued(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.change(make_subscription(at=world.now))
        world.provider.fail("fetch_subscription", ProviderMisread())
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert (await world.ledger.load_health(world.now)).inbox == 1

    async def test_a_new_event_during_a_fetch_causes_another(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        await world.ledger.record_stale([make_key()], "one", world.now)
        (stale,) = await world.ledger.load_stale(world.now, 9)
        await world.ledger.record_stale([make_key()], "two", world.now)
        await sync_subscription(world.ports, stale)
        (again,) = await world.ledger.load_stale(world.now, 9)
        assert again.evidence == "two"


async def test_a_scheduled_end_takes_the_role_after_a_fetch(world: RulesHarness) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    await world.change(replace(sub, ends_at=sub.period_end))
    before = world.provider.count("fetch_subscription")
    await world.pass_time((sub.period_end or 0) - world.now)
    assert world.roles_of() == set()
    assert world.provider.count("fetch_subscription") == before + 1
