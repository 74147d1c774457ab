"""A member's own word to cancel outlives an admin's stop, whoever was first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict, ProviderUnavailable
from billing.model import IntentKind, IntentState
from billing.use_cases.cancel import PATIENCE, cancel, preview_cancel, resume
from billing.use_cases.execute_intent import STOPPED_ALREADY
from billing.use_cases.lift import lift
from billing.use_cases.revoke import Revocation, preview_revoke, revoke
from tests.rules.builders import ADMIN, DAY, GUILD, MEMBER, NOW, make_key, make_revoke_request
from tests.rules.harness import RulesHarness


async def lifted(world: RulesHarness, decision: str) -> None:
    undone = await lift(world.ports, GUILD, decision, ADMIN)
    await world.pass_time(PATIENCE)
    assert undone.intents == ()
    assert world.provider.count("resume") == 0


def ends(world: RulesHarness) -> bool:
    return world.provider.subscriptions["sub_1"].ends_with_period


async def test_a_cancellation_during_an_admins_stop_outlives_its_lift(paying: RulesHarness) -> None:
    decision = (await revoke(paying.ports, make_revoke_request())).decision_id
    assert (await preview_cancel(paying.ports, MEMBER, make_key())).by_admins
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    assert paying.provider.count("cancel_at_period_end") == 1
    with pytest.raises(Conflict, match="already_cancelled"):
        await preview_cancel(paying.ports, MEMBER, make_key())
    await lifted(paying, decision)
    assert ends(paying)


async def test_a_cancellation_during_a_waiting_stop_outlives_its_lift(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    decision = (await revoke(paying.ports, make_revoke_request())).decision_id
    own = await cancel(paying.ports, MEMBER, make_key())
    assert own.intent.by == MEMBER
    paying.provider.heal()
    await lifted(paying, decision)
    assert ends(paying)


@pytest.mark.parametrize("before", [True, False])
async def test_a_cancellation_outlives_an_immediate_stop_that_never_arrived(
    paying: RulesHarness, *, before: bool
) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    if before:
        await cancel(paying.ports, MEMBER, make_key())
    decision = (await revoke(paying.ports, NOW)).decision_id
    if not before:
        await cancel(paying.ports, MEMBER, make_key())
    paying.provider.heal()
    await lifted(paying, decision)
    assert ends(paying)


async def test_a_cancellation_before_an_admins_stop_outlives_its_lift(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    await lifted(paying, (await revoke(paying.ports, make_revoke_request())).decision_id)
    assert ends(paying)


async def test_a_portal_cancellation_during_a_waiting_stop_outlives_its_lift(paying: RulesHarness) -> None:
    paying.provider.fail("*", ProviderUnavailable())
    done = await revoke(paying.ports, make_revoke_request())
    paying.provider.heal()
    await stays_cancelled_by_hand(paying, done)


async def test_a_portal_cancellation_during_the_revoke_question_outlives_its_lift(
    paying: RulesHarness,
) -> None:
    seen = await preview_revoke(paying.ports, make_revoke_request())
    await cancel_by_hand(paying)
    done = await revoke(paying.ports, make_revoke_request(), seen)
    assert [i.outcome for i in done.intents] == [STOPPED_ALREADY]
    await stays_cancelled_by_hand(paying, done)


async def cancel_by_hand(world: RulesHarness) -> None:
    seen = await world.recorded()
    world.provider.subscriptions["sub_1"] = replace(seen, ends_at=seen.period_end, binding=None)


async def stays_cancelled_by_hand(world: RulesHarness, done: Revocation) -> None:
    await cancel_by_hand(world)
    await world.pass_time(DAY)
    assert world.provider.count("cancel_at_period_end") == 0
    await lifted(world, done.decision_id)
    assert ends(world)


async def test_a_cancellation_that_was_taken_back_does_not_prevent_a_resume(paying: RulesHarness) -> None:
    """An old word to cancel that the member took back, here or on the provider's page, counts no more."""
    await cancel(paying.ports, MEMBER, make_key())
    await resume(paying.ports, MEMBER, make_key())
    await cancel(paying.ports, MEMBER, make_key())
    await paying.change(replace(await paying.recorded(), ends_at=None))
    done = await revoke(paying.ports, make_revoke_request())
    (back,) = (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).intents
    assert (back.kind, back.state) == (IntentKind.RESUME, IntentState.DONE)
    assert not ends(paying)


async def test_an_earlier_undone_stop_resumes_no_later_cancellation(paying: RulesHarness) -> None:
    first = await revoke(paying.ports, make_revoke_request())
    await lift(paying.ports, GUILD, first.decision_id, ADMIN)
    own = await paying.recorded()
    await paying.change(replace(own, ends_at=own.period_end))
    second = await revoke(paying.ports, make_revoke_request())
    assert (await lift(paying.ports, GUILD, second.decision_id, ADMIN)).intents == ()
    assert ends(paying)
