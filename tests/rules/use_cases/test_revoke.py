"""An admin ends a member's access and stops the billing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import Conflict, ProviderRefused, ProviderUnavailable
from billing.model import (
    IntentState,
    Item,
    Money,
    Override,
    OverrideKind,
    Plan,
    Revoked,
    Status,
    Subscription,
)
from billing.rules.access import decide, plans_of
from billing.use_cases.cancel import PATIENCE, cancel, resume
from billing.use_cases.execute_intent import execute_intent
from billing.use_cases.lift import lift
from billing.use_cases.revoke import AffectedSubscription, _blocks, preview_revoke, revoke
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    NOW,
    OTHER_GUILD,
    OTHER_MEMBER,
    ROLE,
    SECOND_ROLE,
    make_key,
    make_override,
    make_plan,
    make_price,
    make_revoke_request,
    make_subscription,
)
from tests.rules.harness import RulesHarness
from tests.rules.strategies import MOMENTS, plan_lists, subscriptions

SECOND = make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),))


def status(world: RulesHarness) -> Status:
    return world.provider.subscriptions["sub_1"].status


class TestLookedAtFirst:
    """The admin sees the provider's current data and decides about it."""

    async def renewed_unheard(self, world: RulesHarness) -> int:
        """Renew the subscription without an event; returns the end of the new period."""
        sub = await world.recorded()
        assert sub.period_end is not None
        world.turn_to(sub.period_end + DAY)
        end = sub.period_end + 30 * DAY
        renewed = replace(sub, period_start=sub.period_end, period_end=end, binding=None)
        world.provider.subscriptions["sub_1"] = renewed
        return end

    async def test_the_preview_sees_a_renewal_without_notification(self, paying: RulesHarness) -> None:
        end = await self.renewed_unheard(paying)
        (affected,) = await preview_revoke(paying.ports, make_revoke_request())
        assert affected.subscription.period_end == end
        done = await revoke(paying.ports, make_revoke_request(), [affected])
        blocks = await paying.ledger.load_decision(done.decision_id)
        assert {block.starts_at for block in blocks} == {end}
        await paying.settle()
        assert paying.roles_of() == {ROLE}

    async def test_the_preview_leaves_out_an_end_without_notification(self, paying: RulesHarness) -> None:
        paying.provider.subscriptions["sub_1"] = replace(await paying.recorded(), status=Status.ENDED)
        assert await preview_revoke(paying.ports, make_revoke_request()) == []

    async def test_the_preview_uses_the_ledger_during_an_outage(self, paying: RulesHarness) -> None:
        await self.renewed_unheard(paying)
        paying.provider.fail("*", ProviderUnavailable())
        (affected,) = await preview_revoke(paying.ports, make_revoke_request())
        assert affected.subscription == await paying.recorded()

    async def test_the_preview_fetches_all_subscriptions_concurrently(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await paying.add_plan(SECOND)
        await paying.subscribe("sub_2", items=(Item(make_price("price_2", "prod_2")),))
        fetch, together = paying.provider.fetch_subscription, asyncio.Barrier(2)

        async def fetch_with_the_other(subscription_id: str) -> Subscription:
            async with together:
                return await fetch(subscription_id)

        monkeypatch.setattr(paying.provider, "fetch_subscription", fetch_with_the_other)
        assert len(await preview_revoke(paying.ports, make_revoke_request())) == 2

    async def test_the_preview_of_an_immediate_revocation_fetches_nothing(self, paying: RulesHarness) -> None:
        before = paying.provider.count("fetch_subscription")
        await preview_revoke(paying.ports, NOW)
        assert paying.provider.count("fetch_subscription") == before


class TestNow:
    async def test_an_immediate_revocation_ends_access_and_billing(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, NOW)
        assert [i.state for i in done.intents] == [IntentState.DONE]
        assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
        await paying.settle()
        assert paying.roles_of() == set()

    async def test_a_revoked_member_is_told_the_reason(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, NOW)
        await paying.settle()
        (notice,) = paying.told("revoked")
        assert notice.member_id == MEMBER
        assert notice.body == Revoked(done.decision_id, "spam", "Plan 1", taken=(ROLE,))

    async def test_a_revocation_takes_the_role_during_an_outage(self, paying: RulesHarness) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        done = await revoke(paying.ports, NOW)
        assert [i.state for i in done.intents] == [IntentState.PENDING]
        await paying.settle()
        assert paying.roles_of() == set()
        assert status(paying) is Status.ACTIVE
        paying.provider.heal()
        await paying.pass_time(PATIENCE)
        assert status(paying) is Status.ENDED

    async def test_a_revocation_is_recorded_before_the_provider_is_called(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = replace(NOW, refund=True)
        paying.provider.pay("sub_1", "pay_1")
        seen = await preview_revoke(paying.ports, order)
        calls = len(paying.provider.calls)
        record = paying.ledger.record_overrides

        async def recorded(*args: Any, **more: Any) -> None:
            assert len(paying.provider.calls) == calls
            await record(*args, **more)

        monkeypatch.setattr(paying.ledger, "record_overrides", recorded)
        done = await revoke(paying.ports, order, seen)
        assert {i.state for i in done.intents} == {IntentState.DONE}
        assert paying.provider.payments["pay_1"].refunded == 500

    async def test_a_subscription_bought_after_the_question_is_revoked_too(
        self, paying: RulesHarness
    ) -> None:
        seen = await preview_revoke(paying.ports, replace(NOW, refund=True))
        await paying.subscribe("sub_2")
        paying.provider.pay("sub_2", "pay_2")
        await revoke(paying.ports, replace(NOW, refund=True), seen)
        assert {s.status for s in paying.provider.subscriptions.values()} == {Status.ENDED}
        assert paying.provider.payments["pay_2"].refunded == 500

    async def test_a_revocation_whose_answer_was_lost_is_confirmed(self, paying: RulesHarness) -> None:
        paying.provider.fail("cancel_now", ProviderUnavailable(), after=True)
        done = await revoke(paying.ports, NOW)
        assert [i.state for i in done.intents] == [IntentState.DONE]
        await paying.pass_time(DAY)
        assert paying.provider.count("cancel_now") == 1

    async def test_a_refused_revocation_is_reported_to_admins(self, paying: RulesHarness) -> None:
        paying.provider.fail("cancel_now", ProviderRefused())
        done = await revoke(paying.ports, NOW)
        assert [i.state for i in done.intents] == [IntentState.FAILED]
        await paying.settle()
        (notice,) = paying.told("intent_outcome")
        assert notice.member_id is None
        assert paying.roles_of() == set()

    async def test_a_revocation_outlives_a_later_payment(self, paying: RulesHarness) -> None:
        await revoke(paying.ports, NOW)
        await paying.settle()
        new = await paying.subscribe("sub_2")
        assert paying.roles_of() == set()
        assert paying.provider.subscriptions["sub_2"].ends_at == new.period_end

    async def test_a_revocation_of_one_plan_keeps_the_others(self, paying: RulesHarness) -> None:
        second = await paying.add_plan(SECOND)
        await paying.subscribe("sub_2", items=(Item(SECOND.prices[0]),))
        await revoke(paying.ports, replace(NOW, plan_id=second.id))
        await paying.settle()
        assert paying.roles_of() == {ROLE}
        assert paying.provider.subscriptions["sub_1"].status is Status.ACTIVE
        assert paying.provider.subscriptions["sub_2"].status is Status.ENDED

    async def test_a_revocation_of_all_plans_ends_every_subscription(self, paying: RulesHarness) -> None:
        await paying.add_plan(SECOND)
        await paying.subscribe("sub_2", items=(Item(SECOND.prices[0]),))
        await revoke(paying.ports, NOW)
        await paying.settle()
        assert paying.roles_of() == set()
        assert {s.status for s in paying.provider.subscriptions.values()} == {Status.ENDED}

    async def test_a_revocation_ends_a_grant(self, world: RulesHarness) -> None:
        plan = await world.add_plan()
        await world.ledger.record_overrides([make_override(plan.id, OverrideKind.GRANT)], [], [], world.now)
        await world.settle()
        assert world.roles_of() == {ROLE}
        await revoke(world.ports, make_revoke_request(plan_id=plan.id))
        await world.settle()
        assert world.roles_of() == set()

    async def test_a_crash_after_the_revocation_loses_nothing(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def crash(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(paying.provider, "cancel_now", crash)
        with pytest.raises(KeyboardInterrupt):
            await revoke(paying.ports, replace(NOW, refund=True))
        monkeypatch.undo()
        await paying.pass_time(PATIENCE)
        assert paying.roles_of() == set()
        assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
        assert paying.provider.payments["pay_1"].refunded == 500
        assert len(paying.told("revoked")) == 1


class TestPeriodEnd:
    async def test_a_revocation_at_the_period_end_keeps_roles_until_then(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        (affected,) = done.affected
        end = affected.subscription.period_end or 0
        await paying.settle()
        assert paying.roles_of() == {ROLE}
        assert paying.provider.subscriptions["sub_1"].ends_at == end
        assert paying.said(Revoked)[0].until == end
        await paying.pass_time(end - paying.now)
        assert paying.roles_of() == set()

    async def test_a_revocation_stands_if_the_portal_resumes(self, paying: RulesHarness) -> None:
        await revoke(paying.ports, make_revoke_request())
        await paying.settle()
        await paying.change(replace(await paying.recorded(), ends_at=None))
        assert paying.provider.subscriptions["sub_1"].ends_at is not None
        with pytest.raises(Conflict, match=r"error.revoked_not_resumable"):
            await resume(paying.ports, MEMBER, make_key())

    async def test_a_revocation_stands_after_an_outage_over_the_end(self, paying: RulesHarness) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        await revoke(paying.ports, make_revoke_request())
        await paying.settle()
        paying.turn_to((await paying.recorded()).period_end or 0)
        await paying.settle()
        assert paying.roles_of() == set()

    async def test_a_cancelled_subscription_is_only_blocked(self, paying: RulesHarness) -> None:
        await cancel(paying.ports, MEMBER, make_key())
        done = await revoke(paying.ports, make_revoke_request())
        assert done.intents == ()
        assert paying.provider.count("cancel_at_period_end") == 1

    async def test_an_unpaid_subscription_is_revoked_at_once(self, paying: RulesHarness) -> None:
        await paying.change(replace(await paying.recorded(), status=Status.PAST_DUE, unpaid_since=paying.now))
        await revoke(paying.ports, make_revoke_request())
        await paying.settle()
        assert paying.roles_of() == set()
        assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
        assert paying.said(Revoked)[0].until is None

    async def test_a_revoked_role_stays_until_the_last_paid_period_ends(self, paying: RulesHarness) -> None:
        """Both are paid; the role goes when the later period ends."""
        await paying.pass_time(10 * DAY)
        longer = await paying.subscribe("sub_2")
        await revoke(paying.ports, make_revoke_request())
        first = await paying.recorded()
        await paying.pass_time((first.period_end or 0) - paying.now)
        await paying.change(replace(paying.provider.subscriptions["sub_1"], status=Status.ENDED))
        assert paying.roles_of() == {ROLE}
        await paying.pass_time((longer.period_end or 0) - paying.now)
        assert paying.roles_of() == set()

    async def test_a_members_own_waiting_cancellation_stays_theirs(self, paying: RulesHarness) -> None:
        """It waits for the provider already; the member is told, and a lift does not undo it."""
        paying.provider.fail("cancel_at_period_end", ProviderUnavailable())
        own = await cancel(paying.ports, MEMBER, make_key())
        paying.provider.heal()
        done = await revoke(paying.ports, make_revoke_request())
        assert [i.id for i in done.intents] == [own.intent.id]
        assert done.intents[0].state is IntentState.DONE
        await paying.settle()
        assert paying.told("intent_outcome")[0].member_id == MEMBER
        assert (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).intents == ()


class TestPreview:
    async def test_the_preview_of_a_revocation_changes_nothing(self, paying: RulesHarness) -> None:
        (affected,) = await preview_revoke(paying.ports, make_revoke_request(refund=True))
        assert affected.subscription.key == make_key()
        assert [plan.id for plan in affected.plans] == [1]
        assert affected.refundable == Money(500, "eur")
        assert await paying.ledger.load_overrides(GUILD, MEMBER, paying.now) == []
        assert paying.provider.count("cancel_now", "cancel_at_period_end", "refund") == 0

    @pytest.mark.parametrize(
        "other", [{"member_id": OTHER_MEMBER}, {"guild_id": OTHER_GUILD}, {"plan_id": 77}]
    )
    async def test_a_revocation_elsewhere_stops_nothing_here(
        self, paying: RulesHarness, other: dict[str, int]
    ) -> None:
        done = await revoke(paying.ports, replace(NOW, **other))  # type: ignore[arg-type]  # all ints
        assert (done.affected, done.intents) == ((), ())
        await paying.settle()
        assert paying.roles_of() == {ROLE}

    async def test_an_ended_subscription_is_not_in_the_preview(self, paying: RulesHarness) -> None:
        await paying.change(replace(await paying.recorded(), status=Status.ENDED))
        assert await preview_revoke(paying.ports, make_revoke_request()) == []

    async def test_an_ended_subscription_with_paid_time_is_revoked(self, paying: RulesHarness) -> None:
        ended = replace(await paying.recorded(), status=Status.ENDED, paid_through=paying.now + DAY)
        await paying.change(ended)
        assert paying.roles_of() == {ROLE}
        assert (await revoke(paying.ports, NOW)).intents == ()
        await paying.settle()
        assert paying.roles_of() == set()


async def test_a_settled_intent_is_not_executed_again(paying: RulesHarness) -> None:
    """The worker read it before somebody else executed it."""
    done = await revoke(paying.ports, replace(NOW, refund=True))
    old = [replace(i, state=IntentState.PENDING) for i in done.intents]
    assert [await execute_intent(paying.ports, i) for i in old] == list(done.intents)
    assert paying.provider.count("cancel_now", "refund") == 2


def affected_by(subs: list[Subscription], plans: list[Plan]) -> list[AffectedSubscription]:
    return [AffectedSubscription(s, tuple(plans_of(s, plans))) for s in subs]


SUBSCRIPTIONS = st.lists(subscriptions(), min_size=1, max_size=3)


@given(SUBSCRIPTIONS, plan_lists(), MOMENTS, st.none() | st.integers(1, 4), MOMENTS)
def test_immediate_blocks_leave_no_access_to_what_they_cover(
    subs: list[Subscription], plans: list[Plan], now: int, plan_id: int | None, later: int
) -> None:
    blocks = _blocks(make_revoke_request(plan_id=plan_id, at_once=True), affected_by(subs, plans), "d", now)
    left = decide(subs, blocks, plans, now + later, 5)
    assert all(plan_id not in (None, e.plan_id) for e in left)


@given(SUBSCRIPTIONS, plan_lists(), MOMENTS, st.none() | st.integers(1, 4))
def test_blocks_at_the_period_end_begin_then_and_hold(
    subs: list[Subscription], plans: list[Plan], now: int, plan_id: int | None
) -> None:
    affected = [a for a in affected_by(subs, plans) if plan_id in (None, *(p.id for p in a.plans))]
    if not affected:
        return
    blocks = _blocks(make_revoke_request(plan_id=plan_id), affected, "d", now)
    for block in blocks:
        assert block.starts_at >= now
        assert block.until is None
        assert plan_id in (None, block.plan_id)
    for one in affected:
        for plan in one.plans:
            assert_kept_while_paid(one.subscription, plan.id, blocks, now)
    if plan_id is None:
        assert decide(subs, blocks, plans, max(b.starts_at for b in blocks), 5) == []


def assert_kept_while_paid(sub: Subscription, plan_id: int, blocks: list[Override], now: int) -> None:
    """`paid_through`, if set, counts instead of the period, because the provider ends the subscription
    immediately."""
    end = sub.period_end if sub.paid_through is None else sub.paid_through
    if sub.status in (Status.TRIALING, Status.ACTIVE) and sub.ends_at is None and end is not None:
        before_the_end = max(now, end) - 1
        assert not any(b.covers(plan_id, before_the_end) for b in blocks)


def test_a_revocation_of_all_plans_covers_later_plans() -> None:
    blocks = _blocks(make_revoke_request(), affected_by([make_subscription()], [make_plan()]), "d", 0)
    assert any(block.covers(77, 10**10) for block in blocks)
