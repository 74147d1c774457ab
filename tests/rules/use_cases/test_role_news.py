"""Every role that a member gets or loses is reported with the reason, in one message per cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.errors import DiscordUnavailable, ProviderUnavailable
from billing.model import (
    Cause,
    DisputeState,
    Ended,
    GraceReminder,
    Item,
    NoticeBody,
    OverrideKind,
    PaymentDisputed,
    PaymentFailed,
    PaymentRecovered,
    RenewalResumed,
    RenewalStopped,
    Revoked,
    RolesChanged,
    Started,
    Status,
    Subscription,
    Switched,
)
from billing.model.money import Money
from billing.ports import Failure
from billing.use_cases.cancel import cancel
from billing.use_cases.plans import PlanUpdate, edit_plan
from billing.use_cases.revoke import revoke
from tests.rules.builders import (
    ADMIN,
    DAY,
    GRACE,
    GUILD,
    MEMBER,
    NOW,
    ROLE,
    SECOND_ROLE,
    make_key,
    make_override,
    make_plan,
    make_price,
    make_revoke_request,
)
from tests.rules.harness import START, RulesHarness

KEY = make_key()
SILVER = Item(make_price("price_2", "prod_2"))


def own(world: RulesHarness) -> list[NoticeBody]:
    """The bodies of the notices to the member since they subscribed, without those to admins."""
    return [n.body for n in world.messenger.told if n.member_id == MEMBER and n.body.kind != "started"]


async def change(world: RulesHarness, **facts: Any) -> Subscription:
    """Change the provider's object and let an event arrive."""
    return await world.change(replace(world.provider.subscriptions["sub_1"], **facts))


async def dispute(world: RulesHarness, state: DisputeState) -> None:
    world.provider.disputes["dp_1"] = ("sub_1", state)
    await world.ring("dispute", "dp_1", f"evt_{state}")
    await world.settle()


class TestPayments:
    async def test_a_failed_payment_sends_reminders_until_the_grace_ends(self, paying: RulesHarness) -> None:
        paying.provider.failures["sub_1"] = Failure(Money(500, "eur"), "Declined.", START + DAY)
        await change(paying, status=Status.PAST_DUE, unpaid_since=START)
        end = START + GRACE
        failed = PaymentFailed("Plan 1", KEY, end, Money(500, "eur"), "Declined.", START + DAY)
        assert own(paying) == [failed]
        reminder = GraceReminder("Plan 1", KEY, end)
        for at, bodies in (
            (START + GRACE // 2 - 1, [failed]),
            (START + GRACE // 2, [failed, reminder]),
            (end - DAY - 1, [failed, reminder]),
            (end - DAY, [failed, reminder, reminder]),
            (end - 1, [failed, reminder, reminder]),
        ):
            await paying.pass_time(at - paying.now)
            assert own(paying) == bodies
        await paying.pass_time(1)
        assert paying.roles_of() == set()
        assert own(paying)[3:] == [RolesChanged(Cause.PAST_GRACE, "Plan 1", KEY, taken=(ROLE,))]
        await change(paying, status=Status.ACTIVE, unpaid_since=None)
        assert paying.roles_of() == {ROLE}
        assert own(paying)[4:] == [PaymentRecovered("Plan 1", KEY, given=(ROLE,))]

    async def test_a_recovered_payment_is_announced_and_ends_the_reminders(
        self, paying: RulesHarness
    ) -> None:
        await change(paying, status=Status.PAST_DUE, unpaid_since=START)
        await change(paying, status=Status.ACTIVE, unpaid_since=None)
        await paying.pass_time(GRACE)
        assert [body.kind for body in own(paying)] == ["payment_failed", "payment_recovered"]

    async def test_a_failed_payment_is_announced_even_if_the_reason_is_unknown(
        self, paying: RulesHarness
    ) -> None:
        paying.provider.fail("fetch_failure", ProviderUnavailable())
        await change(paying, status=Status.PAST_DUE, unpaid_since=START)
        assert own(paying) == [PaymentFailed("Plan 1", KEY, START + GRACE)]

    async def test_a_subscription_ended_unpaid_is_announced_as_unpaid(self, paying: RulesHarness) -> None:
        await change(paying, status=Status.PAST_DUE, unpaid_since=START)
        await paying.pass_time(GRACE)
        await change(paying, status=Status.ENDED, ended_at=paying.now)
        assert own(paying)[-1] == Ended("Plan 1", KEY, unpaid=True)

    @pytest.mark.parametrize(
        ("status", "cause"), [(Status.UNPAID, Cause.UNPAID), (Status.PAUSED, Cause.PAUSED)]
    )
    async def test_a_paused_or_unpaid_subscription_is_announced(
        self, paying: RulesHarness, status: Status, cause: Cause
    ) -> None:
        await change(paying, status=status)
        assert own(paying) == [RolesChanged(cause, "Plan 1", KEY, taken=(ROLE,))]
        await change(paying, status=Status.ACTIVE)
        told = own(paying)[1:]
        if status is Status.PAUSED:
            assert told == [RolesChanged(Cause.PAID, "Plan 1", KEY, given=(ROLE,))]
        else:
            assert told == [PaymentRecovered("Plan 1", KEY, given=(ROLE,))]

    async def test_a_dispute_and_its_win_are_announced(self, paying: RulesHarness) -> None:
        await dispute(paying, DisputeState.OPEN)
        await dispute(paying, DisputeState.WON)
        assert own(paying) == [
            PaymentDisputed("Plan 1", KEY, DisputeState.OPEN, taken=(ROLE,)),
            PaymentDisputed("Plan 1", KEY, DisputeState.WON, given=(ROLE,)),
        ]

    async def test_a_lost_dispute_is_announced_once(self, paying: RulesHarness) -> None:
        await dispute(paying, DisputeState.LOST)
        await paying.pass_time(DAY)
        assert own(paying) == [PaymentDisputed("Plan 1", KEY, DisputeState.LOST, taken=(ROLE,))]


class TestAtTheProvider:
    async def test_a_switch_of_plans_is_one_message(self, paying: RulesHarness) -> None:
        await paying.add_plan(make_plan(2, SECOND_ROLE, prices=(SILVER.price,)))
        await change(paying, items=(SILVER,))
        assert paying.roles_of() == {SECOND_ROLE}
        assert own(paying) == [Switched("Plan 2", "Plan 1", KEY, given=(SECOND_ROLE,), taken=(ROLE,))]

    async def test_a_switch_is_not_announced_as_an_older_subscriptions_end(
        self, paying: RulesHarness
    ) -> None:
        await paying.add_plan(make_plan(2, SECOND_ROLE, prices=(SILVER.price,)))
        await change(paying, status=Status.ENDED, ended_at=paying.now)
        paying.messenger.told.clear()
        await paying.subscribe("sub_2")
        now = replace(paying.provider.subscriptions["sub_2"], items=(SILVER,))
        await paying.change(now)
        switched = Switched("Plan 2", "Plan 1", make_key("sub_2"), given=(SECOND_ROLE,), taken=(ROLE,))
        assert own(paying) == [switched]

    async def test_a_quantity_set_to_zero_is_announced(self, paying: RulesHarness) -> None:
        await change(paying, items=(Item(make_price(), 0),))
        assert own(paying) == [Switched("", "Plan 1", KEY, taken=(ROLE,))]

    async def test_a_portal_cancellation_and_its_end_are_announced(self, paying: RulesHarness) -> None:
        end = paying.provider.subscriptions["sub_1"].period_end
        assert end is not None
        await change(paying, ends_at=end)
        assert own(paying) == [RenewalStopped("Plan 1", KEY, end)]
        await change(paying, ends_at=None)
        assert own(paying)[1:] == [RenewalResumed("Plan 1", KEY, end)]
        await change(paying, status=Status.ENDED, ended_at=paying.now)
        assert own(paying)[2:] == [Ended("Plan 1", KEY, taken=(ROLE,))]

    async def test_a_cancellation_after_an_unseen_renewal_is_announced(self, paying: RulesHarness) -> None:
        """Resumed, renewed and cancelled again between two fetches: the end differs from the one that was
        told. Undoing and repeating a cancellation with the same end is no news."""
        end = paying.provider.subscriptions["sub_1"].period_end
        assert end is not None
        await change(paying, ends_at=end)
        await change(paying, ends_at=end, provider_status="active again")
        assert own(paying) == [RenewalStopped("Plan 1", KEY, end)]
        paying.turn_to(end - 10)
        await change(paying, period_start=end, period_end=end + 30 * DAY, ends_at=end + 30 * DAY)
        assert own(paying)[1:] == [RenewalStopped("Plan 1", KEY, end + 30 * DAY)]

    async def test_the_bots_own_cancellation_sends_no_second_message(self, paying: RulesHarness) -> None:
        await cancel(paying.ports, MEMBER, KEY)
        await paying.ring("subscription", "sub_1")
        await paying.settle()
        assert own(paying) == []

    async def test_a_cancellation_whose_answer_was_lost_is_announced_once(self, paying: RulesHarness) -> None:
        paying.provider.fail("cancel_at_period_end", ProviderUnavailable(), after=True)
        paying.provider.faults["cancel_at_period_end"].times = 1
        await cancel(paying.ports, MEMBER, KEY)
        await paying.ring("subscription", "sub_1")
        await paying.pass_time(DAY)
        assert RenewalStopped not in [type(body) for body in own(paying)]


class TestAdmins:
    async def test_a_restored_role_is_announced(self, paying: RulesHarness) -> None:
        paying.roles_of().discard(ROLE)
        await paying.enqueue()
        await paying.settle()
        assert paying.roles_of() == {ROLE}
        assert own(paying) == [RolesChanged(Cause.RESTORED, "Plan 1", KEY, given=(ROLE,))]

    async def test_a_revocation_is_announced_with_its_roles(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, NOW)
        await paying.settle()
        assert own(paying) == [Revoked(done.decision_id, "spam", "Plan 1", taken=(ROLE,))]

    async def test_a_later_revocation_is_announced_again_when_it_applies(self, paying: RulesHarness) -> None:
        await revoke(paying.ports, make_revoke_request())
        await paying.pass_time(40 * DAY)
        assert paying.roles_of() == set()
        before, *after = own(paying)
        assert isinstance(before, Revoked)
        assert after == [RolesChanged(Cause.REVOKED, "Plan 1", decision=before.decision, taken=(ROLE,))]

    async def test_a_grants_start_and_end_are_announced(self, world: RulesHarness) -> None:
        plan = await world.add_plan()
        until = world.now + DAY
        grant = make_override(plan.id, OverrideKind.GRANT, starts_at=world.now, until=until, decision_id="g")
        await world.ledger.record_overrides([grant], [], [], world.now)
        await world.settle()
        assert own(world) == [RolesChanged(Cause.GRANTED, "Plan 1", decision="g", given=(ROLE,))]
        await world.pass_time(DAY)
        assert own(world)[1:] == [RolesChanged(Cause.GRANT_ENDED, "Plan 1", decision="g", taken=(ROLE,))]

    async def test_a_changed_plan_is_announced_with_its_roles(self, paying: RulesHarness) -> None:
        (plan,) = await paying.ledger.load_plans(GUILD)
        await edit_plan(paying.ports, GUILD, plan.id, PlanUpdate(add_role=SECOND_ROLE), ADMIN)
        await paying.settle()
        assert own(paying) == [RolesChanged(Cause.PAID, "Plan 1", KEY, given=(SECOND_ROLE,))]
        await edit_plan(paying.ports, GUILD, plan.id, PlanUpdate(remove_role=ROLE), ADMIN)
        await paying.settle()
        assert own(paying)[1:] == [RolesChanged(Cause.PLAN_EDITED, taken=(ROLE,))]


class TestOneMessage:
    async def test_a_start_names_all_its_roles(self, world: RulesHarness) -> None:
        await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
        await world.subscribe()
        assert [n.body for n in world.messenger.told] == [Started("Plan 1", KEY, given=(ROLE, SECOND_ROLE))]

    async def test_a_start_interrupted_between_roles_is_one_message(self, world: RulesHarness) -> None:
        await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
        world.roles.faults[SECOND_ROLE] = DiscordUnavailable()
        await world.subscribe()
        assert world.messenger.told == [], "it waits for the roles"
        world.roles.faults.clear()
        await world.pass_time(60)
        assert [n.body for n in world.messenger.told] == [Started("Plan 1", KEY, given=(ROLE, SECOND_ROLE))]

    async def test_a_role_given_without_an_answer_is_announced(
        self, world: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.add_plan()
        give, lost = world.roles.apply_role, [True]

        async def lose_once(*args: Any, **more: Any) -> None:
            await give(*args, **more)
            if lost.pop() if lost else False:
                raise DiscordUnavailable

        monkeypatch.setattr(world.roles, "apply_role", lose_once)
        await world.subscribe()
        await world.pass_time(60)
        assert [n.body for n in world.messenger.told] == [Started("Plan 1", KEY, given=(ROLE,))]

    async def test_a_start_is_announced_after_minutes_even_without_roles(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.faults[ROLE] = DiscordUnavailable()
        await world.subscribe()
        await world.pass_time(600)
        assert [n.body for n in world.messenger.told] == [Started("Plan 1", KEY)]
        world.roles.faults.clear()
        await world.pass_time(3600)
        assert own(world) == [RolesChanged(Cause.PAID, "Plan 1", KEY, given=(ROLE,))]

    async def test_two_causes_are_two_messages(self, paying: RulesHarness) -> None:
        await paying.add_plan(make_plan(2, SECOND_ROLE, prices=(SILVER.price,)))
        await paying.subscribe("sub_2", items=(SILVER,))
        for name in ("sub_1", "sub_2"):
            now = paying.provider.subscriptions[name]
            paying.provider.subscriptions[name] = replace(now, status=Status.PAUSED)
            await paying.ring("subscription", name, f"evt_{name}")
        await paying.settle()
        assert [body.taken for body in paying.said(RolesChanged)] == [(ROLE,), (SECOND_ROLE,)]

    async def test_a_role_paid_for_twice_is_announced_with_the_last_end(self, paying: RulesHarness) -> None:
        await paying.add_plan(make_plan(2, ROLE, prices=(SILVER.price,)))
        await paying.subscribe("sub_2", items=(SILVER,))
        await change(paying, status=Status.ENDED, ended_at=paying.now)
        assert own(paying) == [Ended("Plan 1", KEY)]

    async def test_a_removal_that_was_not_recorded_is_announced_later(self, paying: RulesHarness) -> None:
        paying.provider.subscriptions["sub_1"] = replace(
            paying.provider.subscriptions["sub_1"], status=Status.PAUSED
        )
        paying.roles_of().discard(ROLE)  # as if the power failed at this moment
        await paying.ring("subscription", "sub_1")
        await paying.settle()
        assert own(paying) == [RolesChanged(Cause.PAUSED, "Plan 1", KEY, taken=(ROLE,))]

    async def test_an_announced_removal_is_not_announced_again(self, paying: RulesHarness) -> None:
        await change(paying, status=Status.ENDED, ended_at=paying.now)
        await paying.ledger.record_granting(GUILD, MEMBER, ROLE, paying.now)
        await paying.enqueue()
        await paying.settle()
        assert own(paying) == [Ended("Plan 1", KEY, taken=(ROLE,))]
        history = await paying.ledger.load_history(GUILD, MEMBER, 9)
        assert "history.told_before: ended" in [change.why for change in history]


async def test_history_names_the_notice_of_a_role_change(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    (row,) = [c for c in await world.ledger.load_history(GUILD, MEMBER, 9) if c.subject == "roles"]
    (thanks,) = world.messenger.told
    assert row.evidence.endswith(f"tells {thanks.key}")
