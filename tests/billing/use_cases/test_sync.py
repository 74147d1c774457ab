"""From an event to the ledger: what is fetched, whose it is, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.errors import NotAuthentic, ProviderMisread, ProviderNotFound, ProviderUnavailable
from billing.model import (
    Binding,
    DisputeState,
    Intent,
    IntentKind,
    Item,
    OverrideKind,
    Status,
    Subject,
    Subscription,
)
from billing.ports import CheckoutFound
from billing.use_cases.ingest import ingest
from billing.use_cases.sync import sync_subscription
from tests.billing.builders import (
    DAY,
    GRACE,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    ROLE,
    SECOND_ROLE,
    make_checkout,
    make_key,
    make_override,
    make_plan,
    make_price,
    make_subscription,
)
from tests.billing.world import World


async def test_a_payment_becomes_a_role(world: World) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    assert sub.binding == Binding(GUILD, MEMBER)
    assert world.roles_of() == {ROLE}
    assert world.messenger.kinds() == ["started"]
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_a_notification_that_is_not_authentic_leaves_nothing(world: World) -> None:
    with pytest.raises(NotAuthentic):
        await ingest(world.ledger, world.clock, world.provider, b"[]", {"signature": "bad"})
    assert await world.ledger.load_pending_events(world.now, 9) == []


async def test_events_that_nobody_needs_are_not_stored(world: World) -> None:
    body = b'[{"id": "evt_1", "kind": "ping", "subject": null}]'
    assert await ingest(world.ledger, world.clock, world.provider, body, {"signature": "good"}) == 0
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_doubled_events_are_one(world: World) -> None:
    await world.add_plan()
    await world.subscribe()
    before = world.provider.count("fetch_subscription")
    assert [await world.ring("subscription", "sub_1", "evt_x") for _ in range(3)] == [1, 0, 0]
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1
    assert await world.ring("subscription", "sub_1", "evt_x") == 0
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1


async def test_many_events_about_one_subscription_are_one_fetch(world: World) -> None:
    await world.add_plan()
    await world.subscribe()
    before = world.provider.count("fetch_subscription")
    world.provider.located[Subject("invoice", "in_1")] = ["sub_1"]
    for n, kind in enumerate(["subscription", "invoice", "subscription"]):
        await world.ring(kind, "in_1" if kind == "invoice" else "sub_1", f"evt_{n}")
    await world.settle()
    assert world.provider.count("fetch_subscription") == before + 1
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_swapped_events_end_in_the_truth(world: World) -> None:
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


async def test_what_has_ended_is_not_brought_back_by_an_older_answer(world: World) -> None:
    await world.add_plan()
    alive = await world.subscribe()
    await world.change(replace(alive, status=Status.ENDED))
    await world.change(alive)
    assert (await world.recorded()).status is Status.ENDED
    assert world.roles_of() == set()
    assert await world.ledger.load_stale(world.now, 9) == []


async def test_events_of_a_customer_reach_recorded_subscriptions_too(world: World) -> None:
    """A deleted customer is no longer listed by the provider."""
    await world.add_plan()
    sub = await world.subscribe()
    world.provider.subscriptions["sub_1"] = replace(sub, status=Status.ENDED, binding=None)
    await world.ring("customer", "cus_1")
    await world.settle()
    assert world.roles_of() == set()


async def test_a_customers_event_while_the_provider_is_down_waits(world: World) -> None:
    world.provider.fail("locate", ProviderUnavailable())
    await world.ring("customer", "cus_1")
    await world.settle()
    assert world.provider.count("locate") == 1
    assert (await world.ledger.load_health(world.now)).inbox == 1
    world.provider.heal()
    await world.pass_time(2)
    assert world.provider.count("locate") == 2
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_an_event_about_what_the_provider_does_not_know_is_done(world: World) -> None:
    world.provider.fail("locate", ProviderNotFound())
    await world.ring("invoice", "in_gone")
    await world.settle()
    assert (await world.ledger.load_health(world.now)).inbox == 0


async def test_another_accounts_event_touches_nothing(world: World) -> None:
    await world.add_plan()
    await world.subscribe()
    before = len(world.provider.calls)
    await world.ring("subscription", "sub_1")
    world.provider.account = "live"
    await world.settle()
    assert len(world.provider.calls) == before
    assert world.roles_of() == {ROLE}


class TestWhose:
    """A subscription is a member's through our own opaque id, and through nothing else."""

    async def foreign(self, world: World, **more: Any) -> Subscription:
        await world.add_plan()
        return await world.change(make_subscription(at=world.now, **more))

    async def test_by_the_id_in_the_subscription(self, world: World) -> None:
        await world.ledger.record_checkout(make_checkout())
        assert (await self.foreign(world, checkout_id="ours_1")).binding == Binding(GUILD, MEMBER)
        found = await world.ledger.load_checkout("ours_1")
        assert found is not None
        assert found.subscription_id == "sub_1"
        assert world.provider.count("fetch_checkout") == 0

    async def test_by_the_checkout_that_made_it(self, world: World) -> None:
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding == Binding(GUILD, MEMBER)
        assert world.roles_of() == {ROLE}

    async def test_by_a_checkout_whose_answer_was_lost(self, world: World) -> None:
        await world.ledger.record_checkout(make_checkout())
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding == Binding(GUILD, MEMBER)

    async def test_not_by_our_id_on_another_page(self, world: World) -> None:
        """A payment link takes any reference: somebody lets a stranger pay under their id."""
        await world.ledger.record_checkout(make_checkout(session_id="cs_1"))
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_other", "ours_1", "sub_1", "cus_1")
        assert (await self.foreign(world)).binding is None
        assert world.roles_of() == set()

    @pytest.mark.parametrize("checkout_id", ["theirs", "", "11"])
    async def test_not_by_an_id_that_is_not_ours(self, world: World, checkout_id: str) -> None:
        await world.ledger.record_checkout(make_checkout())
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", checkout_id, "sub_1", "cus_1")
        assert (await self.foreign(world, checkout_id=checkout_id)).binding is None

    async def test_not_by_a_checkout_without_an_id(self, world: World) -> None:
        world.provider.checkouts["sub_1"] = CheckoutFound("cs_1", None, "sub_1", "cus_1")
        assert (await self.foreign(world)).binding is None

    @pytest.mark.parametrize("other", [{"account": "live"}, {"provider": "paypal"}])
    async def test_not_by_a_checkout_elsewhere(self, world: World, other: dict[str, str]) -> None:
        await world.ledger.record_checkout(replace(make_checkout(), **other))  # type: ignore[arg-type]  # strings
        assert (await self.foreign(world, checkout_id="ours_1")).binding is None

    async def test_a_second_subscription_on_one_checkout_is_nobodys(self, world: World) -> None:
        await world.ledger.record_checkout(make_checkout())
        await self.foreign(world, checkout_id="ours_1")
        second = await world.change(make_subscription("sub_2", at=world.now, checkout_id="ours_1"))
        assert second.binding is None
        assert (await world.recorded("sub_1")).binding == Binding(GUILD, MEMBER)

    async def test_the_same_customer_is_no_proof(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe()
        made_by_hand = await world.change(make_subscription("sub_2", at=world.now))
        assert made_by_hand.customer_id == "cus_1"
        assert made_by_hand.binding is None

    async def test_it_stays_theirs_whatever_is_written_later(self, world: World) -> None:
        await world.ledger.record_checkout(make_checkout("ours_2", plan_id=2))
        await world.ledger.record_checkout(replace(make_checkout("ours_1"), guild_id=OTHER_GUILD))
        await self.foreign(world, checkout_id="ours_2")
        later = await world.change(make_subscription(at=world.now, checkout_id="ours_1"))
        assert later.binding == Binding(GUILD, MEMBER)

    async def test_what_is_not_sold_here_is_not_asked_about(self, world: World) -> None:
        await world.change(make_subscription(at=world.now))
        assert world.provider.count("fetch_checkout") == 0


class TestFaults:
    """An error changes nothing, and is tried again."""

    @pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderMisread(), ProviderNotFound()])
    async def test_a_fetch_that_fails_takes_no_role(self, world: World, error: ProviderUnavailable) -> None:
        await world.add_plan()
        await world.subscribe()
        world.provider.fail("fetch_subscription", error)
        await world.ring("subscription", "sub_1")
        await world.pass_time(DAY)
        assert world.roles_of() == {ROLE}
        assert (await world.recorded()).status is Status.ACTIVE

    async def test_tries_grow_apart(self, world: World) -> None:
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

    async def test_what_the_provider_does_not_know_is_given_up(self, world: World) -> None:
        """Asked again for a while, for its reads may lag behind its events; not for ever."""
        await world.ring("subscription", "sub_none")
        await world.settle()
        assert (await world.ledger.load_health(world.now)).inbox == 1
        await world.pass_time(DAY)
        assert 3 < world.provider.count("fetch_subscription") < 12
        assert (await world.ledger.load_health(world.now)).inbox == 0

    async def test_a_new_event_during_the_fetch_is_fetched_again(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe()
        await world.ledger.record_stale([make_key()], "one", world.now)
        (stale,) = await world.ledger.load_stale(world.now, 9)
        await world.ledger.record_stale([make_key()], "two", world.now)
        await sync_subscription(world.ports, stale)
        (again,) = await world.ledger.load_stale(world.now, 9)
        assert again.evidence == "two"


class TestPrices:
    async def test_a_switched_price_moves_the_roles(self, world: World) -> None:
        await world.add_plan()
        await world.add_plan(make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),)))
        sub = await world.subscribe()
        await world.change(replace(sub, items=(Item(make_price("price_2", "prod_2")),)))
        assert world.roles_of() == {SECOND_ROLE}
        assert world.roles.changes()[-2:] == [("give", SECOND_ROLE), ("take", ROLE)]

    async def test_a_replaced_price_counts_as_the_plan_of_its_product(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe(items=(Item(make_price("price_new", "prod_1")),))
        assert world.roles_of() == {ROLE}
        assert world.told("unmapped_product") == []

    async def test_a_product_that_no_plan_sells_gives_nothing_and_is_told_once(self, world: World) -> None:
        await world.add_plan()
        unmapped = (Item(make_price("price_x", "prod_x")),)
        sub = await world.subscribe(items=unmapped)
        await world.subscribe("sub_2", items=unmapped)
        await world.change(replace(sub, ends_at=world.now + DAY))
        assert world.roles_of() == set()
        (notice,) = world.told("unmapped_product")
        assert notice.member_id is None
        assert notice.facts["price"] == "price_x"
        assert notice.facts["product"] == "prod_x"

    async def test_an_ended_one_asks_for_no_mapping(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe(status=Status.ENDED, items=(Item(make_price("price_x", "prod_x")),))
        assert world.told("unmapped_product") == []

    async def test_a_price_changed_at_the_provider_is_recorded(self, world: World) -> None:
        await world.add_plan()
        world.provider.prices["price_1"] = make_price(amount=900)
        await world.ring("price", "price_1")
        await world.settle()
        (plan,) = await world.ledger.load_plans(GUILD)
        assert plan.prices[0].amount == 900

    async def test_a_price_that_no_plan_names_is_not_fetched(self, world: World) -> None:
        await world.add_plan()
        await world.ring("price", "price_other")
        await world.settle()
        assert world.provider.count("fetch_price") == 0


class TestBlocked:
    """A member whom an admin has shut out is not billed again."""

    async def block(self, world: World) -> None:
        plan = (await world.ledger.load_plans(GUILD))[0]
        block = make_override(plan.id, starts_at=world.now, reason="spam", decision_id="d")
        await world.ledger.record_overrides([block], [], [], world.now)

    async def test_a_resumed_one_is_stopped_again(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        end = sub.period_end
        await world.change(replace(sub, ends_at=end))
        await self.block(world)
        await world.settle()
        assert world.roles_of() == set()
        await world.change(replace(sub, ends_at=None))
        assert (await world.recorded()).ends_at == end
        assert world.provider.subscriptions["sub_1"].ends_at == end
        (intent,) = await world.ledger.load_intents_of(make_key())
        assert intent.kind is IntentKind.CANCEL_AT_PERIOD_END
        assert "spam" in intent.reason
        assert world.roles_of() == set()
        await world.change(replace(sub, ends_at=None))
        assert world.provider.subscriptions["sub_1"].ends_at == end

    async def test_one_that_is_owed_ends_at_once(self, world: World) -> None:
        """Its period is not paid, so nothing is kept by going on; the provider would charge again."""
        await world.add_plan()
        sub = await world.subscribe()
        await self.block(world)
        await world.change(replace(sub, status=Status.PAST_DUE, unpaid_since=world.now))
        assert (await world.recorded()).status is Status.ENDED

    async def test_one_that_does_not_renew_is_left_alone(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await self.block(world)
        await world.change(replace(sub, ends_at=sub.period_end))
        assert await world.ledger.load_intents_of(make_key()) == []

    async def test_one_that_is_to_end_at_once_is_not_stopped_otherwise(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.provider.fail("cancel_now", ProviderUnavailable())
        await self.block(world)
        wish = Intent("w", IntentKind.CANCEL_NOW, make_key(), 99, "", world.now, next_attempt_at=world.now)
        await world.ledger.record_intent(wish)
        await world.change(sub)
        assert world.provider.count("cancel_at_period_end") == 0

    async def test_a_wish_that_waits_is_not_doubled(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.provider.fail("cancel_at_period_end", ProviderUnavailable())
        await self.block(world)
        for _ in range(3):
            await world.change(sub)
        assert len(await world.ledger.load_intents_of(make_key())) == 1

    async def test_a_refund_that_waits_does_not_keep_the_billing_alive(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.provider.fail("fetch_last_payment", ProviderUnavailable())
        await self.block(world)
        refund = Intent(
            "r", IntentKind.REFUND_LAST_PAYMENT, make_key(), 99, "", world.now, next_attempt_at=world.now
        )
        await world.ledger.record_intent(refund)
        await world.change(sub)
        assert world.provider.subscriptions["sub_1"].ends_at == sub.period_end

    async def test_one_that_the_provider_refuses_to_stop_is_told_once_a_day(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.provider.fail("cancel_at_period_end", ProviderNotFound())
        await self.block(world)
        for _ in range(5):
            await world.change(sub)
            await world.pass_time(60)
        assert world.provider.count("cancel_at_period_end") == 1
        assert world.messenger.kinds().count("intent_outcome") == 1
        await world.pass_time(DAY)
        await world.change(sub)
        assert world.provider.count("cancel_at_period_end") == 2

    async def test_a_grant_is_no_block(self, world: World) -> None:
        plan = await world.add_plan()
        grant = make_override(plan.id, OverrideKind.GRANT)
        await world.ledger.record_overrides([grant], [], [], world.now)
        sub = await world.subscribe()
        assert sub.ends_at is None

    async def test_who_pays_while_blocked_is_not_told_that_it_began(self, world: World) -> None:
        await world.add_plan()
        await self.block(world)
        await world.subscribe()
        assert world.roles_of() == set()
        assert world.told("started") == []
        assert (await world.recorded()).ends_at is not None


class TestDisputes:
    async def dispute(self, world: World, state: DisputeState, name: str = "dp_1") -> None:
        world.provider.disputes[name] = ("sub_1", state)
        await world.ring("dispute", name, f"evt_{name}_{state}_{world.now}")
        await world.settle()

    async def test_access_rests_while_it_is_open_and_comes_back_when_won(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN)
        assert world.roles_of() == set()
        await world.change(replace(world.provider.subscriptions["sub_1"], period_end=world.now + DAY))
        assert world.roles_of() == set()
        await self.dispute(world, DisputeState.WON)
        assert world.roles_of() == {ROLE}
        assert [n.facts["state"] for n in world.told("dispute")] == ["open", "won"]

    async def test_access_stays_away_when_lost(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN)
        await self.dispute(world, DisputeState.LOST)
        assert world.roles_of() == set()

    async def test_an_inquiry_that_came_to_nothing_gives_access_back(self, world: World) -> None:
        """Closed without a chargeback: the provider has no dispute any more."""
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.OPEN)
        await self.dispute(world, DisputeState.NONE)
        assert world.roles_of() == {ROLE}

    async def test_one_prevented_from_the_start_is_not_worth_a_word(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe()
        await self.dispute(world, DisputeState.NONE)
        assert world.roles_of() == {ROLE}
        assert world.told("dispute") == []

    async def test_each_turn_is_told_once(self, world: World) -> None:
        await world.add_plan()
        await world.subscribe()
        for _ in range(3):
            await self.dispute(world, DisputeState.OPEN)
            world.clock.advance(1)
        assert len(world.told("dispute")) == 1

    async def test_one_about_no_subscription_is_done(self, world: World) -> None:
        world.provider.disputes["dp_1"] = (None, DisputeState.OPEN)
        await world.ring("dispute", "dp_1")
        await world.settle()
        assert (await world.ledger.load_health(world.now)).inbox == 0


class TestMilestones:
    """What a member hears, once each."""

    async def test_it_began_when_it_was_paid(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe(status=Status.PENDING)
        assert world.messenger.told == []
        await world.change(replace(sub, status=Status.ACTIVE))
        await world.change(replace(sub, status=Status.ACTIVE, period_end=world.now + DAY))
        assert world.messenger.kinds() == ["started"]
        assert world.messenger.told[0].member_id == MEMBER
        assert world.messenger.told[0].facts["plan"] == "Plan 1"

    async def test_a_failed_payment_with_its_grace(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        failed = world.now - DAY
        owing = replace(sub, status=Status.PAST_DUE, unpaid_since=failed)
        await world.change(owing)
        await world.change(replace(owing, period_end=world.now + DAY))
        (notice,) = world.told("payment_failed")
        assert notice.facts["until"] == failed + GRACE
        assert world.roles_of() == {ROLE}

    async def test_each_failed_payment_anew(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        for _ in range(2):
            await world.change(replace(sub, status=Status.PAST_DUE, unpaid_since=world.now))
            await world.change(sub)
            await world.pass_time(DAY)
        assert len(world.told("payment_failed")) == 2

    async def test_grace_runs_out_by_time_alone(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await world.change(replace(sub, status=Status.PAST_DUE, unpaid_since=world.now))
        await world.pass_time(GRACE - 1)
        assert world.roles_of() == {ROLE}
        await world.pass_time(1)
        assert world.roles_of() == set()

    async def test_it_is_over(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        for _ in range(2):
            await world.change(replace(sub, status=Status.ENDED))
        assert len(world.told("ended")) == 1
        assert world.roles_of() == set()

    async def test_a_scheduled_end_is_told_too(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await world.change(replace(sub, ends_at=sub.period_end))
        world.clock.at = (sub.period_end or 0) + 5
        await world.change(replace(sub, status=Status.ENDED))
        assert len(world.told("ended")) == 1

    async def test_what_never_began_has_no_end(self, world: World) -> None:
        await world.add_plan()
        sub = await world.subscribe(status=Status.PENDING)
        await world.change(replace(sub, status=Status.ENDED))
        assert world.messenger.told == []


async def test_paid_time_ends_by_the_clock_and_the_provider_is_asked(world: World) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    await world.change(replace(sub, ends_at=sub.period_end))
    before = world.provider.count("fetch_subscription")
    await world.pass_time((sub.period_end or 0) - world.now)
    assert world.roles_of() == set()
    assert world.provider.count("fetch_subscription") == before + 1
