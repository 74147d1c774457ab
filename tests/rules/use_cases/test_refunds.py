"""Refunds in the provider's dashboard, and by a revocation that a crash interrupted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from billing.errors import ProviderRefused, ProviderUnavailable
from billing.model import Payment, RefundedByHand, Status, Subject
from billing.use_cases.ingest import ingest
from billing.use_cases.revoke import revoke
from tests.rules.builders import DAY, MEMBER, make_key, make_revoke_request, make_subscription
from tests.rules.harness import RulesHarness


async def refund(
    world: RulesHarness, payment: str = "pay_1", amount: int = 500, *, about: Subject | None = None
) -> None:
    """The owner refunds a payment, and an event about it arrives twice."""
    world.provider.payments[payment] = replace(world.provider.payments[payment], refunded=amount)
    await ring(world, about or Subject("payment", payment))


async def ring(world: RulesHarness, about: Subject, kind: str = "charge.refunded") -> None:
    world.provider.located[Subject("payment", about.id)] = ["sub_1"]
    for name in ("evt_a", "evt_b"):
        body = json.dumps(
            [{"id": f"{name}{len(world.provider.calls)}", "kind": kind, "subject": [about.kind, about.id]}]
        )
        await ingest(world.ledger, world.clock, world.provider, body.encode(), {"signature": "good"})
    await world.settle()


def told(world: RulesHarness) -> list[tuple[int, int | None]]:
    return [(body.member, body.amount.amount if body.amount else None) for body in world.said(RefundedByHand)]


@pytest.mark.parametrize("about", [Subject("payment", "pay_1"), Subject("subscription", "sub_1")])
async def test_a_refund_in_the_dashboard_is_reported_once(paying: RulesHarness, about: Subject) -> None:
    await refund(paying, amount=200, about=about)
    await refund(paying, amount=300, about=about)
    assert told(paying) == [(MEMBER, 200)]
    assert (await paying.recorded()).status is Status.ACTIVE


async def test_a_refund_of_an_older_payment_is_reported_without_an_amount(paying: RulesHarness) -> None:
    paying.provider.pay("sub_1", "pay_2")
    await refund(paying)
    assert told(paying) == [(MEMBER, None)]


async def test_a_refund_requested_through_the_bot_is_not_reported(paying: RulesHarness) -> None:
    await revoke(paying.ports, make_revoke_request(refund=True))
    for about in (Subject("payment", "pay_1"), Subject("subscription", "sub_1")):
        paying.provider.subscriptions["sub_1"] = replace(await paying.recorded(), ends_at=None, binding=None)
        await ring(paying, about)
    assert told(paying) == []


async def test_a_refund_of_an_ended_subscription_is_not_reported(paying: RulesHarness) -> None:
    sub = await paying.recorded()
    paying.provider.subscriptions["sub_1"] = replace(sub, status=Status.ENDED, binding=None)
    await refund(paying)
    assert told(paying) == []


async def test_a_refund_known_to_the_ledger_causes_no_fetch(paying: RulesHarness) -> None:
    await revoke(paying.ports, make_revoke_request(refund=True))
    asked = paying.provider.count("fetch_last_payment")
    await ring(paying, Subject("payment", "pay_1"))
    await paying.change(replace(await paying.recorded(), status=Status.ENDED, ended_at=paying.now))
    paying.provider.pay("sub_1", "pay_2")
    await refund(paying, "pay_2")
    assert paying.provider.count("fetch_last_payment") == asked


async def test_a_refund_of_an_unowned_subscription_causes_no_fetch(world: RulesHarness) -> None:
    await world.change(make_subscription(at=world.now))
    world.provider.pay("sub_1", "pay_1")
    await refund(world)
    assert told(world) == []
    assert world.provider.count("fetch_last_payment") == 0


async def test_another_payment_event_is_not_reported_as_a_refund(paying: RulesHarness) -> None:
    paying.provider.payments["pay_1"] = replace(paying.provider.payments["pay_1"], refunded=500)
    await ring(paying, Subject("payment", "pay_1"), "charge.failed")
    assert told(paying) == []


async def test_a_refund_is_reported_after_a_provider_outage(paying: RulesHarness) -> None:
    paying.provider.fail("fetch_last_payment", ProviderUnavailable())
    await refund(paying)
    assert told(paying) == []
    paying.provider.heal()
    await paying.pass_time(DAY)
    assert told(paying) == [(MEMBER, 500)]


async def test_a_payment_that_may_not_be_read_does_not_stop_the_sync(paying: RulesHarness) -> None:
    paying.provider.fail("fetch_last_payment", ProviderRefused())
    sub = await paying.recorded()
    paying.provider.subscriptions["sub_1"] = replace(sub, ends_at=sub.period_end, binding=None)
    await refund(paying)
    assert told(paying) == []
    assert (await paying.recorded()).key == make_key()
    assert (await paying.recorded()).ends_at == sub.period_end


async def test_a_refund_event_without_a_payment_is_not_misattributed(
    paying: RulesHarness,
) -> None:
    """The subject of the event is unknown, and nothing of the last payment was refunded."""
    paying.provider.pay("sub_1", "pay_2")
    await refund(paying, "pay_1", about=Subject("subscription", "sub_1"))
    assert told(paying) == []


async def test_a_refund_after_a_crash_concerns_the_original_payment(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payment could not be looked up when the refund was requested; later there is another one."""
    give_back = paying.provider.refund

    async def crash(payment: Payment, key: str) -> Payment:
        await give_back(payment, key)
        raise KeyboardInterrupt

    paying.provider.fail("fetch_last_payment", ProviderUnavailable(), times=1)
    monkeypatch.setattr(paying.provider, "refund", crash)
    with pytest.raises(KeyboardInterrupt):
        await revoke(paying.ports, make_revoke_request(at_once=True, refund=True))
    monkeypatch.undo()
    paying.provider.pay("sub_1", "pay_2")
    await paying.pass_time(DAY)
    assert paying.provider.payments["pay_1"].refunded == 500
    assert paying.provider.payments["pay_2"].refunded == 0
