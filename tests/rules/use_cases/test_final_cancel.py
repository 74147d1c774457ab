"""A provider that ends an agreement at once: what is paid is kept, and nothing is promised that cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict, ProviderUnavailable
from billing.model import IntentKind, IntentState, Revoked, Status, Subscription
from billing.use_cases.cancel import cancel, preview_cancel, resume
from billing.use_cases.lift import lift
from billing.use_cases.revoke import revoke
from billing.use_cases.subscribe import WORTH_WAITING, offer
from billing.use_cases.sweep import sweep
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    MEMBER,
    MONTH,
    NOW,
    ROLE,
    make_checkout,
    make_key,
    make_revoke_request,
    make_subscription,
)
from tests.rules.harness import RulesHarness


@pytest.fixture
async def bought(world: RulesHarness) -> Subscription:
    """Paid for a month, at a provider that keeps no period."""
    world.provider.keeps_period = False
    await world.add_plan()
    return await world.subscribe(paid_through=world.now + MONTH)


async def test_after_a_final_cancellation_roles_stay_for_the_paid_time(
    world: RulesHarness, bought: Subscription
) -> None:
    shown = await preview_cancel(world.ports, MEMBER, make_key())
    assert (shown.kind, shown.stays_until, shown.final) == (
        IntentKind.CANCEL_AT_PERIOD_END,
        bought.paid_through,
        True,
    )
    receipt = await cancel(world.ports, MEMBER, make_key())
    assert receipt.subscription.status is Status.ENDED
    assert receipt.stays_until == bought.paid_through
    await world.pass_time(MONTH - DAY)
    assert world.roles_of() == {ROLE}
    assert not world.told("ended")
    await world.pass_time(2 * DAY)
    assert world.roles_of() == set()
    assert len(world.told("ended")) == 1


async def test_the_end_is_reported_at_the_moment_the_member_was_told(
    world: RulesHarness, bought: Subscription
) -> None:
    """The member was told a moment, and the role went then."""
    await cancel(world.ports, MEMBER, make_key())
    told = bought.paid_through or 0
    world.turn_to(told + 5)
    await world.change(replace(bought, status=Status.ENDED, paid_through=told + 8 * 3600))
    assert world.roles_of() == set()
    assert len(world.told("ended")) == 1


async def test_the_paid_time_is_recorded_before_a_final_cancellation(
    world: RulesHarness, bought: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment whose notification was lost counts too."""
    later = world.now + 2 * MONTH
    world.provider.subscriptions["sub_1"] = replace(bought, binding=None, paid_through=later)
    seen = []
    ask = world.provider.cancel_at_period_end

    async def asked(subscription: Subscription, key: str) -> Subscription:
        seen.append((await world.recorded()).paid_through)
        return replace(await ask(subscription, key), paid_through=None)

    monkeypatch.setattr(world.provider, "cancel_at_period_end", asked)
    receipt = await cancel(world.ports, MEMBER, make_key())
    assert seen == [later]
    assert receipt.subscription.paid_through == later


async def test_a_waiting_final_cancellation_can_be_taken_back(
    world: RulesHarness, bought: Subscription
) -> None:
    world.provider.fail("*", ProviderUnavailable())
    receipt = await cancel(world.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.PENDING
    assert receipt.subscription.status is Status.ACTIVE
    world.provider.heal()
    back = await resume(world.ports, MEMBER, make_key())
    assert back.intent.state is IntentState.DONE
    await world.pass_time(DAY)
    assert (await world.recorded()).status is Status.ACTIVE
    assert world.provider.count("cancel_at_period_end") == 0


async def test_a_final_cancellation_cannot_be_resumed(world: RulesHarness, bought: Subscription) -> None:
    await cancel(world.ports, MEMBER, make_key())
    with pytest.raises(Conflict, match=r"error.over_not_resumable|error.provider_cannot_resume"):
        await resume(world.ports, MEMBER, make_key())
    with pytest.raises(Conflict, match=r"error.already_ended"):
        await cancel(world.ports, MEMBER, make_key())


async def test_a_final_cancellation_without_paid_time_ends_at_once(
    world: RulesHarness, bought: Subscription
) -> None:
    await world.change(replace(bought, paid_through=world.now, period_start=world.now - 1))
    shown = await preview_cancel(world.ports, MEMBER, make_key())
    assert (shown.kind, shown.stays_until, shown.final) == (IntentKind.CANCEL_NOW, None, False)
    await cancel(world.ports, MEMBER, make_key())
    await world.settle()
    assert world.roles_of() == set()


async def test_a_cancelled_paused_subscription_keeps_its_paid_time(
    world: RulesHarness, bought: Subscription
) -> None:
    await world.change(replace(bought, status=Status.PAUSED))
    assert world.roles_of() == {ROLE}
    receipt = await cancel(world.ports, MEMBER, make_key())
    assert receipt.stays_until == bought.paid_through


async def test_a_new_subscription_starts_when_the_paid_time_ends(
    world: RulesHarness, bought: Subscription
) -> None:
    await cancel(world.ports, MEMBER, make_key())
    (plan,) = await world.ledger.load_plans(GUILD)
    made = await offer(world.ports, GUILD, MEMBER, plan)
    assert [way.starts_at for way in made.ways] == [bought.paid_through]
    assert world.provider.orders[-1].starts_at == bought.paid_through
    assert world.provider.orders[-1].trial_days == 0


async def test_a_provider_with_periods_postpones_the_first_payment_if_it_can(
    world: RulesHarness, bought: Subscription
) -> None:
    """Of one with periods the first payment cannot be put off by less than two days."""
    await cancel(world.ports, MEMBER, make_key())
    world.provider.keeps_period = True
    (plan,) = await world.ledger.load_plans(GUILD)
    await world.pass_time(MONTH - WORTH_WAITING + 60)
    made = await offer(world.ports, GUILD, MEMBER, plan)
    assert [way.starts_at for way in made.ways] == [None]


async def test_a_final_revocation_at_the_period_end_keeps_the_paid_time(
    world: RulesHarness, bought: Subscription
) -> None:
    done = await revoke(world.ports, make_revoke_request())
    assert [intent.state for intent in done.intents] == [IntentState.DONE]
    await world.pass_time(MONTH - DAY)
    assert world.roles_of() == {ROLE}
    await world.pass_time(2 * DAY)
    assert world.roles_of() == set()
    (body,) = world.said(Revoked)
    assert body.until == bought.paid_through


async def test_an_immediate_final_revocation_takes_the_paid_time_until_lifted(
    world: RulesHarness, bought: Subscription
) -> None:
    done = await revoke(world.ports, NOW)
    await world.settle()
    assert world.roles_of() == set()
    assert (await lift(world.ports, GUILD, done.decision_id, ADMIN)).intents == ()
    await world.ring("subscription", "sub_1")
    await world.settle()
    assert world.roles_of() == {ROLE}
    await world.pass_time((bought.paid_through or 0) - world.now)
    assert world.roles_of() == set()


async def test_lifting_a_final_revocation_restores_the_paid_time(
    world: RulesHarness, bought: Subscription
) -> None:
    done = await revoke(world.ports, make_revoke_request())
    assert (await lift(world.ports, GUILD, done.decision_id, ADMIN)).intents == ()
    await world.pass_time(MONTH - DAY)
    assert world.roles_of() == {ROLE}


class TestSweep:
    """Of a provider that lists nothing by itself."""

    @pytest.fixture(autouse=True)
    def lists_nothing(self, world: RulesHarness) -> None:
        world.provider.lists_all = False

    async def test_a_sweep_fetches_known_subscriptions(
        self, world: RulesHarness, bought: Subscription
    ) -> None:
        renewed = replace(bought, binding=None, paid_through=world.now + 2 * MONTH)
        world.provider.subscriptions["sub_1"] = renewed
        assert await sweep(world.ports) == []
        await world.settle()
        assert (await world.recorded()).paid_through == world.now + 2 * MONTH

    async def test_a_sweep_finds_an_approval_on_our_checkout(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.ledger.record_checkout(make_checkout(session_id="sub_1", created_at=world.now))
        world.provider.subscriptions["sub_1"] = make_subscription(at=world.now, checkout_id="ours_1")
        await sweep(world.ports)
        await world.settle()
        assert world.roles_of() == {ROLE}

    async def test_a_sweep_does_not_record_an_unapproved_checkout(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.ledger.record_checkout(make_checkout(session_id="sub_1", created_at=world.now))
        page = replace(make_subscription(status=Status.PENDING, checkout_id="ours_1"), customer_id="")
        world.provider.subscriptions["sub_1"] = page
        await sweep(world.ports)
        await world.ring("subscription", "sub_1")
        await world.settle()
        assert await world.ledger.load_subscription(make_key()) is None
        checkout = await world.ledger.load_checkout("ours_1")
        assert checkout is not None
        assert checkout.subscription_id is None

    async def test_old_checkouts_are_looked_up_only_after_a_long_downtime(self, world: RulesHarness) -> None:
        await world.add_plan()
        await sweep(world.ports)
        await world.ledger.record_checkout(make_checkout(session_id="sub_1", created_at=world.now))
        world.provider.subscriptions["sub_1"] = make_subscription(at=world.now, checkout_id="ours_1")
        world.clock.advance(40 * DAY)
        assert await world.ledger.load_to_look_up("stripe", "test", world.now - DAY, "", 9) == []
        await sweep(world.ports)
        await world.settle()
        assert await world.ledger.load_subscription(make_key()) is not None

    async def test_an_interrupted_sweep_does_not_count(self, world: RulesHarness) -> None:
        world.provider.fail("list_subscriptions", ProviderUnavailable(), after=True)
        assert len(await sweep(world.ports)) == 1
        assert await world.ledger.load_value("swept stripe:test") is None
        world.provider.heal()
        await sweep(world.ports)
        assert await world.ledger.load_value("swept stripe:test") == str(world.now)
