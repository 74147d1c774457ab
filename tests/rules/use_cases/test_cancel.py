"""A member ends the renewal of their own subscription, and takes that back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from billing.errors import (
    Conflict,
    NotFound,
)
from billing.model import IntentKind, IntentState, Status, SubscriptionKey
from billing.model.translatable_text import Text
from billing.rules.access import decide_right
from billing.use_cases.cancel import cancel, preview, preview_cancel, resume
from billing.use_cases.execute_intent import stopping
from billing.use_cases.intent_already_done import is_fulfilled
from tests.rules.builders import (
    GRACE,
    MEMBER,
    MONTH,
    OTHER_MEMBER,
    ROLE,
    make_key,
    make_override,
    make_subscription,
)
from tests.rules.harness import RulesHarness
from tests.rules.strategies import GRACES, MOMENTS, subscriptions

PREVIEWS = [
    (Status.PENDING, {}, IntentKind.CANCEL_NOW, None),
    (Status.TRIALING, {}, IntentKind.CANCEL_AT_PERIOD_END, MONTH),
    (Status.ACTIVE, {}, IntentKind.CANCEL_AT_PERIOD_END, MONTH),
    (Status.ACTIVE, {"period_end": None}, IntentKind.CANCEL_AT_PERIOD_END, None),
    (Status.PAST_DUE, {"unpaid_since": 0}, IntentKind.CANCEL_NOW, None),
    (Status.UNPAID, {}, IntentKind.CANCEL_NOW, None),
    (Status.PAUSED, {}, IntentKind.CANCEL_NOW, None),
    (Status.UNKNOWN, {}, IntentKind.CANCEL_AT_PERIOD_END, MONTH),
]


@pytest.mark.parametrize(("status", "facts", "kind", "stays"), PREVIEWS)
def test_the_preview_of_a_cancellation_names_its_kind_and_end(
    status: Status, facts: dict[str, Any], kind: IntentKind, stays: int | None
) -> None:
    shown = preview(make_subscription(status=status, **facts), 10, GRACE)
    assert (shown.kind, shown.stays_until) == (kind, stays)


def test_every_status_that_can_be_cancelled_has_a_preview() -> None:
    assert {status for status, *_ in PREVIEWS} == set(Status) - {Status.ENDED}


@given(subscriptions(), MOMENTS, GRACES)
def test_a_cancellation_never_promises_more_than_the_access_that_is_left(
    sub: Any, now: int, grace: int
) -> None:
    shown = preview(sub, now, grace)
    right = decide_right(sub, now, grace)
    if shown.stays_until is not None:
        assert right is not None
        assert right.until is None or shown.stays_until <= right.until


async def test_a_cancelled_subscription_keeps_its_roles_until_the_period_ends(paying: RulesHarness) -> None:
    receipt = await cancel(paying.ports, MEMBER, make_key())
    end = receipt.subscription.period_end or 0
    assert receipt.intent.state is IntentState.DONE
    assert receipt.stays_until == receipt.subscription.ends_at == end
    assert paying.provider.subscriptions["sub_1"].ends_at == end
    await paying.settle()
    assert paying.roles_of() == {ROLE}
    assert paying.messenger.told == []
    await paying.pass_time(end - paying.now)
    assert paying.roles_of() == set()


async def test_the_history_of_a_cancellation_names_the_member_and_the_intent(paying: RulesHarness) -> None:
    receipt = await cancel(paying.ports, MEMBER, make_key())
    rows = await paying.ledger.load_history(100, MEMBER, 99)
    assert rows[0].who == str(MEMBER)
    assert rows[0].evidence == f"intent {receipt.intent.id}"


async def test_a_resumed_subscription_renews_again(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    receipt = await resume(paying.ports, MEMBER, make_key())
    assert receipt.intent.state is IntentState.DONE
    assert receipt.subscription.renews
    assert receipt.stays_until is None
    assert paying.provider.subscriptions["sub_1"].ends_at is None


@pytest.mark.parametrize("act", [preview_cancel, cancel, resume])
@pytest.mark.parametrize("key", [make_key(), make_key("none"), SubscriptionKey("paypal", "x", "sub_1")])
async def test_a_member_cannot_reach_anothers_subscription(
    paying: RulesHarness, act: Any, key: SubscriptionKey
) -> None:
    """The answer is the same whether the subscription exists or not."""
    with pytest.raises(NotFound) as met:
        await act(paying.ports, OTHER_MEMBER, key)
    assert met.value.user_message == Text("error.no_such_subscription")
    assert paying.provider.count("cancel_at_period_end", "cancel_now", "resume") == 0


async def test_a_subscription_without_an_owner_cannot_be_cancelled(world: RulesHarness) -> None:
    await world.change(make_subscription(at=world.now))
    with pytest.raises(NotFound):
        await cancel(world.ports, MEMBER, make_key())


async def test_a_second_cancellation_is_refused_with_the_date_of_the_end(paying: RulesHarness) -> None:
    receipt = await cancel(paying.ports, MEMBER, make_key())
    with pytest.raises(Conflict, match=f"at={receipt.subscription.ends_at}"):
        await cancel(paying.ports, MEMBER, make_key())


async def test_an_ended_subscription_can_be_neither_cancelled_nor_resumed(paying: RulesHarness) -> None:
    await paying.change(replace(await paying.recorded(), status=Status.ENDED))
    with pytest.raises(Conflict, match="already_ended"):
        await cancel(paying.ports, MEMBER, make_key())
    with pytest.raises(Conflict, match="over"):
        await resume(paying.ports, MEMBER, make_key())


async def test_a_subscription_that_renews_cannot_be_resumed(paying: RulesHarness) -> None:
    with pytest.raises(Conflict, match="not_cancelled"):
        await resume(paying.ports, MEMBER, make_key())


async def test_a_provider_that_cancels_at_once_cannot_resume(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    paying.provider.keeps_period = False
    with pytest.raises(Conflict, match="provider_cannot_resume"):
        await resume(paying.ports, MEMBER, make_key())


async def test_a_revoked_subscription_cannot_be_resumed(paying: RulesHarness) -> None:
    await cancel(paying.ports, MEMBER, make_key())
    await paying.ledger.record_overrides([make_override(1, starts_at=10**11)], [], [], paying.now)
    with pytest.raises(Conflict, match="revoked_not_resumable"):
        await resume(paying.ports, MEMBER, make_key())


async def test_cancelling_an_unpaid_subscription_ends_it_at_once(paying: RulesHarness) -> None:
    await paying.change(replace(await paying.recorded(), status=Status.PAST_DUE, unpaid_since=paying.now))
    receipt = await cancel(paying.ports, MEMBER, make_key())
    assert receipt.subscription.status is Status.ENDED
    assert receipt.stays_until is None
    await paying.settle()
    assert paying.roles_of() == set()


async def test_simultaneous_cancellations_are_one_cancellation(paying: RulesHarness) -> None:
    receipts = await asyncio.gather(*(cancel(paying.ports, MEMBER, make_key()) for _ in range(3)))
    assert paying.provider.count("cancel_at_period_end") == 1
    assert len({receipt.intent.id for receipt in receipts}) == 1


def test_an_intent_that_the_provider_already_fulfils_is_recognised() -> None:
    paid = make_subscription()
    ending, ended = make_subscription(ends_at=5), make_subscription(status=Status.ENDED)
    paused = make_subscription(status=Status.PAUSED)
    at_end, now, again = IntentKind.CANCEL_AT_PERIOD_END, IntentKind.CANCEL_NOW, IntentKind.RESUME
    assert [is_fulfilled(at_end, s) for s in (paid, ending, ended, paused)] == [False, True, True, False]
    assert [is_fulfilled(now, s) for s in (paid, ending, ended, paused)] == [False, False, True, False]
    assert [is_fulfilled(again, s) for s in (paid, ending, ended, paused)] == [True, False, False, False]
    assert not is_fulfilled(IntentKind.REFUND_LAST_PAYMENT, ended)


@given(subscriptions())
def test_paid_access_is_always_cancelled_at_the_period_end(sub: Any) -> None:
    right = decide_right(sub, 0, 0)
    if right is not None and right.why == "history.paid":
        assert stopping(sub) is IntentKind.CANCEL_AT_PERIOD_END
