"""The consequences of a fetch: role changes, stopped renewals for blocked members, disputes, notices."""

from __future__ import annotations

from dataclasses import replace

from billing.errors import ProviderNotFound, ProviderUnavailable
from billing.model import (
    Intent,
    IntentKind,
    Item,
    OverrideKind,
    PaidWhileBlocked,
    PaymentFailed,
    Started,
    Status,
    UnmappedProduct,
)
from tests.rules.builders import (
    DAY,
    GRACE,
    GUILD,
    MEMBER,
    ROLE,
    SECOND_ROLE,
    make_key,
    make_override,
    make_plan,
    make_price,
)
from tests.rules.harness import RulesHarness


class TestPrices:
    async def test_a_switched_price_changes_the_roles(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.add_plan(make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),)))
        sub = await world.subscribe()
        await world.change(replace(sub, items=(Item(make_price("price_2", "prod_2")),)))
        assert world.roles_of() == {SECOND_ROLE}
        assert world.roles.changes()[-2:] == [("give", SECOND_ROLE), ("take", ROLE)]

    async def test_a_quantity_of_zero_takes_the_role_until_it_is_one_again(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await world.change(replace(sub, items=(Item(make_price(), 0),)))
        assert world.roles_of() == set()
        await world.change(replace(sub, items=(Item(make_price(), 1),)))
        assert world.roles_of() == {ROLE}

    async def test_a_replaced_price_counts_as_the_plan_of_its_product(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe(items=(Item(make_price("price_new", "prod_1")),))
        assert world.roles_of() == {ROLE}
        assert world.told("unmapped_product") == []

    async def test_an_unmapped_product_gives_nothing_and_is_reported_once(self, world: RulesHarness) -> None:
        await world.add_plan()
        unmapped = (Item(make_price("price_x", "prod_x")),)
        sub = await world.subscribe(items=unmapped)
        await world.subscribe("sub_2", items=unmapped)
        await world.change(replace(sub, ends_at=world.now + DAY))
        assert world.roles_of() == set()
        (notice,) = world.told("unmapped_product")
        assert notice.member_id is None
        assert notice.body == UnmappedProduct(MEMBER, "stripe", "price_x", "prod_x")

    async def test_an_ended_subscription_reports_no_unmapped_product(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe(status=Status.ENDED, items=(Item(make_price("price_x", "prod_x")),))
        assert world.told("unmapped_product") == []

    async def test_a_price_changed_at_the_provider_is_recorded(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.provider.prices["price_1"] = make_price(amount=900)
        await world.ring("price", "price_1")
        await world.settle()
        (plan,) = await world.ledger.load_plans(GUILD)
        assert plan.prices[0].amount == 900

    async def test_a_price_that_no_plan_names_is_not_fetched(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.ring("price", "price_other")
        await world.settle()
        assert world.provider.count("fetch_price") == 0


class TestBlocked:
    """A member whom an admin has blocked is not billed again."""

    async def block(self, world: RulesHarness) -> None:
        plan = (await world.ledger.load_plans(GUILD))[0]
        block = make_override(plan.id, starts_at=world.now, reason="spam", decision_id="d")
        await world.ledger.record_overrides([block], [], [], world.now)

    async def test_a_blocked_subscription_that_was_resumed_is_stopped_again(
        self, world: RulesHarness
    ) -> None:
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

    async def test_a_blocked_unpaid_subscription_ends_at_once(self, world: RulesHarness) -> None:
        """The period is unpaid, so continuing would keep nothing and the provider would charge again."""
        await world.add_plan()
        sub = await world.subscribe()
        await self.block(world)
        await world.change(replace(sub, status=Status.PAST_DUE, unpaid_since=world.now))
        assert (await world.recorded()).status is Status.ENDED

    async def test_a_blocked_subscription_that_does_not_renew_is_left_alone(
        self, world: RulesHarness
    ) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await self.block(world)
        await world.change(replace(sub, ends_at=sub.period_end))
        assert await world.ledger.load_intents_of(make_key()) == []

    async def test_a_blocked_subscription_with_a_pending_end_is_not_stopped_again(
        self, world: RulesHarness
    ) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.provider.fail("cancel_now", ProviderUnavailable())
        await self.block(world)
        intent = Intent(
            "intent", IntentKind.CANCEL_NOW, make_key(), 99, "", world.now, next_attempt_at=world.now
        )
        await world.ledger.record_intent(intent)
        await world.change(sub)
        assert world.provider.count("cancel_at_period_end") == 0

    async def test_a_pending_stop_is_not_recorded_twice(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.provider.fail("cancel_at_period_end", ProviderUnavailable())
        await self.block(world)
        for _ in range(3):
            await world.change(sub)
        assert len(await world.ledger.load_intents_of(make_key())) == 1

    async def test_a_pending_refund_does_not_prevent_the_stop(self, world: RulesHarness) -> None:
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

    async def test_a_refused_stop_is_reported_once_a_day(self, world: RulesHarness) -> None:
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

    async def test_a_grant_does_not_stop_a_subscription(self, world: RulesHarness) -> None:
        plan = await world.add_plan()
        grant = make_override(plan.id, OverrideKind.GRANT)
        await world.ledger.record_overrides([grant], [], [], world.now)
        sub = await world.subscribe()
        assert sub.ends_at is None

    async def test_a_blocked_member_who_pays_gets_no_start_message(self, world: RulesHarness) -> None:
        await world.add_plan()
        await self.block(world)
        await world.subscribe()
        assert world.roles_of() == set()
        assert world.told("started") == []
        assert (await world.recorded()).ends_at is not None
        notice, own = world.told("paid_while_blocked")
        assert (notice.member_id, own.member_id) == (None, MEMBER)
        assert notice.body == PaidWhileBlocked(MEMBER, make_key(), "d", None)
        await world.change(replace(await world.recorded(), ends_at=None))
        await world.subscribe("sub_2")
        assert len(world.told("paid_while_blocked")) == 4

    async def test_a_payment_from_before_the_block_is_not_reported(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await self.block(world)
        await world.change(replace(sub, period_end=world.now + DAY))
        assert world.told("paid_while_blocked") == []

    async def test_a_payment_before_an_announced_block_gives_access_until_then(
        self, world: RulesHarness
    ) -> None:
        await world.add_plan()
        starts_at = world.now + DAY
        await world.ledger.record_overrides([make_override(starts_at=starts_at)], [], [], world.now)
        await world.subscribe()
        assert world.roles_of() == {ROLE}
        assert [body.starts_at for body in world.said(PaidWhileBlocked)] == [starts_at, starts_at]
        assert len(world.told("started")) == 1


class TestMilestones:
    """Notices to the member, each sent once."""

    async def test_a_start_is_announced_when_it_is_paid(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe(status=Status.PENDING)
        assert world.messenger.told == []
        await world.change(replace(sub, status=Status.ACTIVE))
        await world.change(replace(sub, status=Status.ACTIVE, period_end=world.now + DAY))
        assert world.messenger.kinds() == ["started"]
        assert world.messenger.told[0].member_id == MEMBER
        assert world.messenger.told[0].body == Started("Plan 1", make_key(), given=(ROLE,))

    async def test_a_failed_payment_is_announced_with_its_grace(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        failed = world.now - DAY
        owing = replace(sub, status=Status.PAST_DUE, unpaid_since=failed)
        await world.change(owing)
        await world.change(replace(owing, period_end=world.now + DAY))
        (body,) = world.said(PaymentFailed)
        assert body.until == failed + GRACE
        assert world.roles_of() == {ROLE}

    async def test_each_failed_payment_is_announced(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        for _ in range(2):
            await world.change(replace(sub, status=Status.PAST_DUE, unpaid_since=world.now))
            await world.change(sub)
            await world.pass_time(DAY)
        assert len(world.told("payment_failed")) == 2

    async def test_the_grace_ends_by_time_alone(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await world.change(replace(sub, status=Status.PAST_DUE, unpaid_since=world.now))
        await world.pass_time(GRACE - 1)
        assert world.roles_of() == {ROLE}
        await world.pass_time(1)
        assert world.roles_of() == set()

    async def test_an_end_is_announced_once(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        for _ in range(2):
            await world.change(replace(sub, status=Status.ENDED))
        assert len(world.told("ended")) == 1
        assert world.roles_of() == set()

    async def test_a_scheduled_end_is_announced_when_it_comes(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        await world.change(replace(sub, ends_at=sub.period_end))
        world.turn_to((sub.period_end or 0) + 5)
        await world.change(replace(sub, status=Status.ENDED))
        assert len(world.told("ended")) == 1

    async def test_a_subscription_that_never_began_has_no_end_message(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe(status=Status.PENDING)
        await world.change(replace(sub, status=Status.ENDED))
        assert world.messenger.told == []
