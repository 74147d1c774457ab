"""Undoing a revocation that ended the billing at once gives back the days that were paid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.errors import ProviderUnavailable
from billing.model import DisputeState, IntentState, Item, Lifted, Plan, Status
from billing.use_cases.cancel import PATIENCE
from billing.use_cases.grant import Held, load_held
from billing.use_cases.lift import lift
from billing.use_cases.revoke import revoke
from billing.use_cases.subscribe import offer
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    MONTH,
    NOW,
    ROLE,
    SECOND_ROLE,
    make_plan,
    make_price,
    make_revoke_request,
)
from tests.rules.harness import START, RulesHarness

SECOND = make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),))
END = START + MONTH


async def plan_of(world: RulesHarness) -> Plan:
    return (await world.ledger.load_plans(GUILD))[0]


async def revoked(world: RulesHarness, **more: Any) -> str:
    """Revoked at once after ten days, and everything has settled."""
    await world.pass_time(10 * DAY)
    done = await revoke(world.ports, replace(NOW, **more))
    await world.settle()
    assert world.roles_of() == set()
    return done.decision_id


async def test_lifting_a_revocation_restores_the_roles_for_the_paid_days(paying: RulesHarness) -> None:
    undone = await lift(paying.ports, GUILD, await revoked(paying), ADMIN)
    await paying.settle()
    assert (undone.until, undone.intents) == (END, ())
    assert paying.roles_of() == {ROLE}
    assert await load_held(paying.ports, MEMBER) == [Held(await plan_of(paying), END, paid=True)]
    (told,) = paying.said(Lifted)
    assert (told.until, told.again) == (END, 1)
    await paying.pass_time(END - paying.now)
    assert paying.roles_of() == set()


async def test_a_new_subscription_starts_when_restored_days_end(paying: RulesHarness) -> None:
    await lift(paying.ports, GUILD, await revoked(paying), ADMIN)
    (way,) = (await offer(paying.ports, GUILD, MEMBER, await plan_of(paying))).ways
    assert way.starts_at == END


@pytest.mark.parametrize("how", ["asked", "by hand"])
async def test_refunded_days_are_not_restored(paying: RulesHarness, how: str) -> None:
    decision = await revoked(paying, refund=how == "asked")
    paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=500)
    undone = await lift(paying.ports, GUILD, decision, ADMIN)
    await paying.settle()
    assert undone.until is None
    assert paying.roles_of() == set()
    assert (await offer(paying.ports, GUILD, MEMBER, await plan_of(paying))).ways[0].starts_at is None


@pytest.mark.parametrize(("refunded", "days"), [(100, 24), (250, 15), (400, None)])
async def test_a_partial_refund_restores_the_share_of_days_still_paid(
    paying: RulesHarness, refunded: int, days: int | None
) -> None:
    decision = await revoked(paying)
    paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=refunded)
    undone = await lift(paying.ports, GUILD, decision, ADMIN)
    assert undone.until == (START + days * DAY if days else None)
    await paying.settle()
    assert paying.roles_of() == ({ROLE} if days else set())


async def test_a_refund_of_an_earlier_period_leaves_the_restored_days(paying: RulesHarness) -> None:
    renewed = replace(await paying.recorded(), period_start=END, period_end=END + MONTH)
    await paying.change(renewed)
    paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=500)
    undone = await lift(paying.ports, GUILD, await revoked(paying), ADMIN)
    assert undone.until == END + MONTH


@pytest.mark.parametrize("status", [Status.TRIALING, Status.PAST_DUE, Status.UNPAID, Status.PENDING])
async def test_unpaid_days_are_not_restored(world: RulesHarness, status: Status) -> None:
    await world.add_plan()
    await world.subscribe(status=status, trial_end=END if status is Status.TRIALING else None)
    decision = (await revoke(world.ports, NOW)).decision_id
    undone = await lift(world.ports, GUILD, decision, ADMIN)
    await world.settle()
    assert undone.until is None
    assert world.roles_of() == set()


async def test_disputed_days_are_not_restored(paying: RulesHarness) -> None:
    decision = await revoked(paying)
    paying.provider.disputes["dp_1"] = ("sub_1", DisputeState.OPEN)
    await paying.ring("dispute", "dp_1")
    await paying.settle()
    assert (await lift(paying.ports, GUILD, decision, ADMIN)).until is None


async def test_a_stop_that_never_reached_the_provider_is_dropped_by_the_lift(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    done = await revoke(paying.ports, NOW)
    paying.provider.heal()
    undone = await lift(paying.ports, GUILD, done.decision_id, ADMIN)
    await paying.pass_time(PATIENCE)
    assert undone.until is None
    assert paying.provider.subscriptions["sub_1"].status is Status.ACTIVE
    assert (paying.roles_of(), await load_held(paying.ports, MEMBER)) == ({ROLE}, [])


async def test_a_stop_whose_answer_was_lost_restores_the_days(paying: RulesHarness) -> None:
    paying.provider.fail("cancel_now", ProviderUnavailable(), after=True)
    paying.provider.fail("fetch_subscription", ProviderUnavailable())
    done = await revoke(paying.ports, NOW)
    assert [i.state for i in done.intents] == [IntentState.PENDING]
    paying.provider.heal()
    assert (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).until == END
    await paying.settle()
    assert (await paying.recorded()).status is Status.ENDED
    assert paying.roles_of() == {ROLE}


@pytest.mark.parametrize("refund", [True, False])
async def test_a_silent_provider_does_not_delay_the_lift(paying: RulesHarness, *, refund: bool) -> None:
    decision = await revoked(paying, refund=refund)
    paying.provider.fail("*", ProviderUnavailable())
    undone = await lift(paying.ports, GUILD, decision, ADMIN)
    assert (undone.until, undone.unasked) == ((None, False) if refund else (END, True))


@pytest.mark.parametrize("paid", [True, False])
async def test_a_renewal_charged_before_the_stop_arrived_is_restored(
    paying: RulesHarness, *, paid: bool
) -> None:
    """The provider was silent across the period's end, so the billing ended at once afterwards."""
    paying.provider.fail("*", ProviderUnavailable())
    decision = (await revoke(paying.ports, make_revoke_request())).decision_id
    paying.turn_to(END + DAY)
    renewed = replace(await paying.recorded(), period_start=END, period_end=END + MONTH, binding=None)
    paying.provider.subscriptions["sub_1"] = renewed
    paying.provider.heal()
    if paid:
        paying.provider.pay("sub_1", "pay_2")
    await paying.pass_time(DAY)
    assert (await paying.recorded()).status is Status.ENDED
    assert paying.roles_of() == set()
    undone = await lift(paying.ports, GUILD, decision, ADMIN)
    await paying.settle()
    assert undone.until == (END + MONTH if paid else None)
    assert paying.roles_of() == ({ROLE} if paid else set())


async def test_several_subscriptions_each_restore_their_own_days(paying: RulesHarness) -> None:
    await paying.add_plan(SECOND)
    await paying.subscribe("sub_2", items=(Item(SECOND.prices[0]),), period_end=START + 20 * DAY)
    paying.provider.pay("sub_2", "pay_2")
    paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=500)
    await lift(paying.ports, GUILD, await revoked(paying), ADMIN)
    await paying.settle()
    assert paying.roles_of() == {SECOND_ROLE}
    assert [held.until for held in await load_held(paying.ports, MEMBER)] == [START + 20 * DAY]


async def test_another_plan_of_the_same_subscription_keeps_its_paid_days(paying: RulesHarness) -> None:
    """The order names one plan; the other was paid along, and its billing ends too."""
    await paying.add_plan(SECOND)
    both = (Item(make_price()), Item(SECOND.prices[0]))
    await paying.change(replace(await paying.recorded(), items=both))
    await revoke(paying.ports, replace(NOW, plan_id=1))
    await paying.settle()
    assert paying.roles_of() == {SECOND_ROLE}
    await paying.pass_time(MONTH)
    assert paying.roles_of() == set()


async def test_restored_days_wait_for_the_lift_of_another_revocation(paying: RulesHarness) -> None:
    first = (await revoke(paying.ports, replace(NOW, plan_id=1))).decision_id
    second = (await revoke(paying.ports, NOW)).decision_id
    undone = await lift(paying.ports, GUILD, first, ADMIN)
    await paying.settle()
    assert (undone.still, undone.until, paying.roles_of()) == (second, None, set())
    assert (await lift(paying.ports, GUILD, second, ADMIN)).until == END
    await paying.settle()
    assert paying.roles_of() == {ROLE}


@pytest.mark.parametrize("at_once", [True, False])
async def test_restored_days_can_be_revoked_and_restored_again(
    paying: RulesHarness, *, at_once: bool
) -> None:
    await lift(paying.ports, GUILD, await revoked(paying), ADMIN)
    again = await revoke(paying.ports, make_revoke_request(at_once=at_once))
    await paying.settle()
    assert paying.roles_of() == (set() if at_once else {ROLE})
    assert (await lift(paying.ports, GUILD, again.decision_id, ADMIN)).until == END
    await paying.settle()
    assert paying.roles_of() == {ROLE}


async def test_days_refunded_after_their_return_are_not_restored_twice(paying: RulesHarness) -> None:
    await lift(paying.ports, GUILD, await revoked(paying), ADMIN)
    again = await revoked(paying)
    paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=500)
    assert (await lift(paying.ports, GUILD, again, ADMIN)).until is None
    await paying.settle()
    assert paying.roles_of() == set()


async def test_two_stops_at_the_periods_end_are_both_undone(paying: RulesHarness) -> None:
    first = (await revoke(paying.ports, make_revoke_request())).decision_id
    second = (await revoke(paying.ports, make_revoke_request())).decision_id
    assert (await lift(paying.ports, GUILD, first, ADMIN)).intents == ()
    (resumed,) = (await lift(paying.ports, GUILD, second, ADMIN)).intents
    assert resumed.state is IntentState.DONE
    assert paying.provider.subscriptions["sub_1"].ends_at is None


async def test_a_stop_that_another_revocation_needs_is_kept(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    first = (await revoke(paying.ports, NOW)).decision_id
    await revoke(paying.ports, NOW)
    await lift(paying.ports, GUILD, first, ADMIN)
    paying.provider.heal()
    await paying.pass_time(PATIENCE)
    assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
