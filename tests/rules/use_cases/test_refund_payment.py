"""An admin refunds a payment, and the subscription goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import NotFound, ProviderUnavailable
from billing.model import IntentState, Money, Refunded
from billing.model.outbox import PaymentRefunded
from billing.use_cases.refund_payment import RefundRequest, load_refundable, refund_payment
from tests.rules.builders import ADMIN, GUILD, MEMBER, OTHER_GUILD, OTHER_MEMBER, make_key
from tests.rules.harness import RulesHarness

REQUEST = RefundRequest(GUILD, MEMBER, make_key(), "pay_1", ADMIN)


async def refunds(world: RulesHarness) -> list[PaymentRefunded]:
    events = await world.ledger.load_outbox(0, 99, GUILD, MEMBER)
    return [event.body for event in events if isinstance(event.body, PaymentRefunded)]


async def test_the_payment_is_refunded_once_and_the_member_is_told(paying: RulesHarness) -> None:
    (offer,) = await load_refundable(paying.ports, GUILD, MEMBER, 5)
    assert offer.refundable == Money(500, "eur")
    for _ in range(2):
        done = await refund_payment(paying.ports, REQUEST, "number")
        assert done.state is IntentState.DONE
        await paying.settle()
    assert (await paying.recorded()).renews
    assert [(body.amount, body.payment) for body in paying.said(Refunded)] == [(Money(500, "eur"), "pay_1")]
    assert [refund.amount for refund in await refunds(paying)] == [Money(500, "eur")]
    (left,) = await load_refundable(paying.ports, GUILD, MEMBER, 5)
    assert left.refundable is None


async def test_a_refund_is_made_as_soon_as_the_provider_answers(paying: RulesHarness) -> None:
    paying.provider.fail("refund", ProviderUnavailable(), times=1)
    waits = await refund_payment(paying.ports, REQUEST, "number")
    assert waits.state is IntentState.PENDING
    assert await refunds(paying) == []
    await paying.pass_time(3600)
    assert [refund.amount for refund in await refunds(paying)] == [Money(500, "eur")]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(REQUEST, member_id=OTHER_MEMBER),
        replace(REQUEST, guild_id=OTHER_GUILD),
        replace(REQUEST, key=make_key("sub_9")),
    ],
    ids=["of another member", "in another server", "of an unknown subscription"],
)
async def test_a_payment_of_somebody_else_is_not_refunded(paying: RulesHarness, wrong: RefundRequest) -> None:
    with pytest.raises(NotFound):
        await refund_payment(paying.ports, wrong, "number")
    assert await refunds(paying) == []
