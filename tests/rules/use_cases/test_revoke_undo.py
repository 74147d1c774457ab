"""A revocation gives money back, once, and is taken back while it can."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from billing.errors import Conflict, LedgerUnavailable, NotFound, ProviderUnavailable
from billing.model import IntentKind, IntentState, Lifted, Money, Status
from billing.model.translatable_text import Text
from billing.use_cases.cancel import PATIENCE, cancel
from billing.use_cases.lift import lift
from billing.use_cases.revoke import preview_revoke, revoke
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    NOW,
    OTHER_GUILD,
    ROLE,
    SECOND_ROLE,
    make_key,
    make_override,
    make_plan,
    make_price,
    make_revoke_request,
)
from tests.rules.harness import RulesHarness

SECOND = make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),))


async def intents(world: RulesHarness, name: str = "sub_1") -> dict[str, IntentState]:
    return {str(i.kind): i.state for i in await world.ledger.load_intents_of(make_key(name))}


async def unavailable(*_: Any) -> None:
    raise LedgerUnavailable


class TestRefund:
    async def test_a_revocation_with_refund_names_the_refunded_amount(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, replace(NOW, refund=True))
        assert [(i.kind, i.state) for i in done.intents] == [
            (IntentKind.CANCEL_NOW, IntentState.DONE),
            (IntentKind.REFUND_LAST_PAYMENT, IntentState.DONE),
        ]
        assert done.intents[1].refunded == Money(500, "eur")
        assert paying.provider.payments["pay_1"].refunded == 500

    @pytest.mark.parametrize("paid", [False, True])
    async def test_no_refund_is_tried_without_a_refundable_payment(
        self, paying: RulesHarness, *, paid: bool
    ) -> None:
        if paid:
            paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=500)
        else:
            paying.provider.last_payment.clear()
        done = await revoke(paying.ports, replace(NOW, refund=True))
        assert [i.kind for i in done.intents] == [IntentKind.CANCEL_NOW]

    @pytest.mark.parametrize("after", [False, True])
    async def test_a_retried_refund_does_not_refund_a_later_payment(
        self, paying: RulesHarness, *, after: bool
    ) -> None:
        """The admin decided about the payment they saw, whether or not the provider acted."""
        paying.provider.fail("refund", ProviderUnavailable(), after=after)
        await revoke(paying.ports, make_revoke_request(refund=True))
        paying.provider.heal()
        paying.provider.pay("sub_1", "pay_2")
        await paying.pass_time(PATIENCE)
        assert paying.provider.payments["pay_1"].refunded == 500
        assert paying.provider.payments["pay_2"].refunded == 0
        assert paying.provider.count("fetch_last_payment") == 1
        assert (await intents(paying))["refund_last_payment"] is IntentState.DONE

    async def test_a_refund_keeps_the_payment_that_its_first_attempt_found(
        self, paying: RulesHarness
    ) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        (affected,) = await preview_revoke(paying.ports, make_revoke_request(refund=True))
        assert affected.fault == ProviderUnavailable().user_message
        await revoke(paying.ports, make_revoke_request(refund=True))
        paying.provider.heal()
        paying.provider.fail("refund", ProviderUnavailable(), after=True, times=1)
        await paying.pass_time(PATIENCE)
        assert paying.provider.payments["pay_1"].refunded == 500
        paying.provider.pay("sub_1", "pay_2")
        await paying.pass_time(DAY)
        assert paying.provider.payments["pay_2"].refunded == 0
        assert (await intents(paying))["refund_last_payment"] is IntentState.DONE

    async def test_a_crash_after_a_refund_does_not_refund_twice(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paying.provider.fail("fetch_last_payment", ProviderUnavailable(), times=1)
        refund = paying.provider.refund

        async def refund_and_crash(*args: Any) -> None:
            await refund(*args)
            raise KeyboardInterrupt

        monkeypatch.setattr(paying.provider, "refund", refund_and_crash)
        with pytest.raises(KeyboardInterrupt):
            await revoke(paying.ports, make_revoke_request(refund=True))
        monkeypatch.undo()
        paying.provider.pay("sub_1", "pay_2")
        await paying.pass_time(PATIENCE)
        assert paying.provider.payments["pay_2"].refunded == 0

    async def test_a_refund_without_a_payment_fails(self, paying: RulesHarness) -> None:
        paying.provider.fail("fetch_last_payment", ProviderUnavailable(), times=1)
        paying.provider.last_payment.clear()
        done = await revoke(paying.ports, replace(NOW, refund=True))
        assert done.intents[1].state is IntentState.FAILED
        assert done.intents[1].outcome == Text("error.no_payment")

    async def test_a_late_refund_is_reported_to_admins(self, paying: RulesHarness) -> None:
        paying.provider.fail("*", ProviderUnavailable())
        await revoke(paying.ports, replace(NOW, refund=True))
        paying.provider.heal()
        await paying.pass_time(PATIENCE)
        (notice,) = paying.told("intent_outcome")
        assert notice.member_id is None


class TestLift:
    async def test_lifting_a_revocation_resumes_the_renewal(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        (undone,) = (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).intents
        assert undone.state is IntentState.DONE
        assert paying.provider.subscriptions["sub_1"].ends_at is None
        await paying.pass_time(40 * DAY)
        assert paying.roles_of() == {ROLE}

    async def test_a_lifted_member_is_told_what_renews(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        await lift(paying.ports, GUILD, done.decision_id, ADMIN)
        await paying.settle()
        (notice,) = paying.told("lifted")
        assert (notice.member_id, notice.body) == (MEMBER, Lifted("Plan 1", subscription=make_key()))

    async def test_a_lifted_member_is_told_what_does_not_renew(self, paying: RulesHarness) -> None:
        first = await revoke(paying.ports, replace(NOW, plan_id=1))
        await paying.ledger.record_overrides([make_override()], [], [], paying.now)
        await lift(paying.ports, GUILD, first.decision_id, ADMIN)
        await paying.settle()
        (body,) = paying.said(Lifted)
        assert (body.still, body.subscription, body.again) == (True, None, None)

    async def test_a_revocation_cannot_be_lifted_twice(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        await lift(paying.ports, GUILD, done.decision_id, ADMIN)
        with pytest.raises(Conflict, match=r"error.lifted_already"):
            await lift(paying.ports, GUILD, done.decision_id, ADMIN)
        assert paying.provider.count("resume") == 1

    async def test_simultaneous_lifts_lift_once(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        both = [lift(paying.ports, GUILD, done.decision_id, ADMIN) for _ in range(2)]
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Undone"]
        assert paying.provider.count("resume") == 1

    async def test_another_server_cannot_lift_a_revocation(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        with pytest.raises(NotFound):
            await lift(paying.ports, OTHER_GUILD, done.decision_id, ADMIN)
        assert await paying.ledger.load_decision(done.decision_id) != []

    async def test_a_lift_drops_intents_that_never_reached_the_provider(self, paying: RulesHarness) -> None:
        """Otherwise a member with access would lose their billing and get a refund."""
        paying.provider.fail("*", ProviderUnavailable())
        done = await revoke(paying.ports, replace(NOW, refund=True))
        await lift(paying.ports, GUILD, done.decision_id, ADMIN)
        paying.provider.heal()
        await paying.pass_time(DAY)
        assert paying.roles_of() == {ROLE}
        assert paying.provider.subscriptions["sub_1"].status is Status.ACTIVE
        assert paying.provider.payments["pay_1"].refunded == 0
        assert set((await intents(paying)).values()) == {IntentState.DROPPED}

    async def test_a_lift_during_an_outage_resumes_later(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        paying.provider.fail("*", ProviderUnavailable())
        (undone,) = (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).intents
        assert undone.state is IntentState.PENDING
        paying.provider.heal()
        await paying.pass_time(PATIENCE)
        assert paying.provider.subscriptions["sub_1"].ends_at is None

    async def test_the_resume_intent_is_recorded_with_the_lift(
        self, paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise a crash in between would leave a member with access whose subscription ends."""
        done = await revoke(paying.ports, make_revoke_request())
        monkeypatch.setattr(paying.ledger, "load_intent", unavailable)
        with pytest.raises(LedgerUnavailable):
            await lift(paying.ports, GUILD, done.decision_id, ADMIN)
        monkeypatch.undo()
        assert await paying.ledger.load_decision(done.decision_id) == []
        await paying.pass_time(PATIENCE)
        assert paying.provider.subscriptions["sub_1"].ends_at is None

    async def test_a_lift_does_not_resume_a_members_own_cancellation(self, paying: RulesHarness) -> None:
        await cancel(paying.ports, MEMBER, make_key())
        done = await revoke(paying.ports, make_revoke_request())
        assert (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).intents == ()
        assert paying.provider.subscriptions["sub_1"].ends_at is not None

    async def test_a_lift_does_not_resume_what_another_block_covers(self, paying: RulesHarness) -> None:
        first = await revoke(paying.ports, make_revoke_request())
        await paying.ledger.record_overrides([make_override(1, decision_id="second")], [], [], paying.now)
        assert (await lift(paying.ports, GUILD, first.decision_id, ADMIN)).intents == ()
        assert paying.provider.count("resume") == 0

    async def test_a_lift_undoes_a_stop_made_after_a_resume(self, paying: RulesHarness) -> None:
        done = await revoke(paying.ports, make_revoke_request())
        await paying.settle()
        await paying.change(replace(await paying.recorded(), ends_at=None))
        await lift(paying.ports, GUILD, done.decision_id, ADMIN)
        assert paying.provider.subscriptions["sub_1"].ends_at is None

    async def test_lifting_an_immediate_revocation_allows_a_new_subscription(
        self, paying: RulesHarness
    ) -> None:
        done = await revoke(paying.ports, NOW)
        await paying.settle()
        assert (await lift(paying.ports, GUILD, done.decision_id, ADMIN)).intents == ()
        await paying.subscribe("sub_2")
        assert paying.roles_of() == {ROLE}
