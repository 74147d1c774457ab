"""A revoked subscription renews because the provider does not answer before the period ends."""

from __future__ import annotations

from dataclasses import replace

from billing.errors import ProviderUnavailable
from billing.model import ChargedLate, IntentKind, IntentState, Money, Status
from billing.use_cases.cancel import PATIENCE, cancel
from billing.use_cases.lift import lift
from billing.use_cases.revoke import revoke
from tests.rules.builders import ADMIN, DAY, GUILD, MEMBER, MONTH, ROLE, make_key, make_revoke_request
from tests.rules.harness import RulesHarness

HOUR = 3600


async def renew_in_silence(world: RulesHarness, *, paid: bool = True) -> str:
    """Revoked at the period's end an hour before it, of which the provider hears a day late; the decision."""
    sub = await world.recorded()
    assert sub.period_end is not None
    await world.pass_time(sub.period_end - HOUR - world.now)
    world.provider.fail("*", ProviderUnavailable())
    done = await revoke(world.ports, make_revoke_request())
    await world.pass_time(HOUR)
    renewed = replace(sub, period_start=sub.period_end, period_end=sub.period_end + MONTH, binding=None)
    world.provider.subscriptions["sub_1"] = renewed
    if paid:
        world.provider.pay("sub_1", "pay_2", 600)
    await world.pass_time(DAY)
    return done.decision_id


async def test_a_late_stop_ends_billing_at_once_and_reports_the_charge(paying: RulesHarness) -> None:
    await renew_in_silence(paying)
    paying.provider.heal()
    await paying.pass_time(DAY)
    assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
    assert paying.roles_of() == set()
    (notice,) = paying.told("charged_late")
    assert notice.member_id is None
    assert notice.body == ChargedLate(MEMBER, make_key(), Money(600, "eur"))
    states = {i.kind: i.state for i in await paying.ledger.load_intents_of(make_key())}
    assert states == {
        IntentKind.CANCEL_AT_PERIOD_END: IntentState.DROPPED,
        IntentKind.CANCEL_NOW: IntentState.DONE,
    }


async def test_a_late_stop_without_a_charge_reports_none(paying: RulesHarness) -> None:
    await renew_in_silence(paying, paid=False)
    paying.provider.heal()
    await paying.pass_time(DAY)
    assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
    assert paying.told("charged_late") == []


async def test_a_late_stop_ends_billing_even_if_the_payment_cannot_be_fetched(
    paying: RulesHarness,
) -> None:
    await renew_in_silence(paying)
    paying.provider.heal()
    paying.provider.fail("fetch_last_payment", ProviderUnavailable())
    await paying.pass_time(DAY)
    assert paying.provider.subscriptions["sub_1"].status is Status.ENDED
    assert paying.said(ChargedLate) == [ChargedLate(MEMBER, make_key())]


async def test_a_stop_before_the_period_end_ends_with_the_period(paying: RulesHarness) -> None:
    end = (await paying.recorded()).period_end
    paying.provider.fail("*", ProviderUnavailable())
    await revoke(paying.ports, make_revoke_request())
    await paying.pass_time(DAY)
    paying.provider.heal()
    await paying.pass_time(DAY)
    assert paying.provider.subscriptions["sub_1"].ends_at == end
    assert paying.roles_of() == {ROLE}


async def test_a_revocation_lifted_meanwhile_ends_nothing(paying: RulesHarness) -> None:
    decision = await renew_in_silence(paying)
    await lift(paying.ports, GUILD, decision, ADMIN)
    paying.provider.heal()
    await paying.pass_time(DAY)
    assert paying.provider.subscriptions["sub_1"].renews
    assert paying.roles_of() == {ROLE}


async def test_a_members_own_late_cancellation_keeps_the_paid_time(paying: RulesHarness) -> None:
    """A member who resumed, and thinks better of it: what they paid is theirs again once it is lifted."""
    await renew_in_silence(paying, paid=False)
    for intent in await paying.ledger.load_intents_of(make_key()):
        await paying.ledger.record_intent_outcome(replace(intent, state=IntentState.FAILED), None, [])
    paying.provider.heal()
    await cancel(paying.ports, MEMBER, make_key())
    await paying.pass_time(PATIENCE)
    assert paying.provider.subscriptions["sub_1"].status is Status.ACTIVE
    assert paying.provider.subscriptions["sub_1"].ends_at is not None
