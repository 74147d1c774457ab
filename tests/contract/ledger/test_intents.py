"""Intents: requests to change something at the provider."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.model import IntentKind, IntentState, Money, SubscriptionKey
from billing.ports import Ledger, SyncResult
from tests.contract.ledger.nouns import FAR, KEY, intent, notice, subscription

CANCEL, NOW = IntentKind.CANCEL_AT_PERIOD_END, IntentKind.CANCEL_NOW
RESUME, REFUND = IntentKind.RESUME, IntentKind.REFUND_LAST_PAYMENT


async def states(ledger: Ledger) -> dict[str, IntentState]:
    return {i.id: i.state for i in await ledger.load_intents_of(KEY)}


async def test_an_intent_is_loaded_as_recorded(ledger: Ledger) -> None:
    most = intent(payment_id="pay_1", refunded=Money(500, "eur"), attempts=2, outcome="Done.", receipt=True)
    assert await ledger.record_intent(most) == most
    assert await ledger.load_intent("intent_1") == most
    assert await ledger.load_intent("intent_2") is None


async def test_a_repeated_pending_intent_returns_the_first_one(ledger: Ledger) -> None:
    await ledger.record_intent(intent())
    assert await ledger.record_intent(intent("intent_2", created_at=11)) == intent()
    assert list(await states(ledger)) == ["intent_1"]


async def test_an_intent_id_is_used_once_even_after_it_is_settled(ledger: Ledger) -> None:
    done = intent(state=IntentState.DONE, outcome="Cancelled.")
    await ledger.record_intent(intent())
    await ledger.record_intent_outcome(done, None, [])
    assert await ledger.record_intent(intent()) == done
    again = intent("intent_2")
    assert await ledger.record_intent(again) == again


@pytest.mark.parametrize(
    ("first", "second", "dropped"),
    [
        (CANCEL, RESUME, True),
        (RESUME, CANCEL, True),
        (CANCEL, NOW, True),
        (RESUME, NOW, True),
        (NOW, RESUME, False),
        (NOW, CANCEL, False),
        (REFUND, NOW, False),
        (NOW, REFUND, False),
    ],
)
async def test_an_intent_drops_the_pending_one_that_it_contradicts(
    ledger: Ledger, first: IntentKind, second: IntentKind, *, dropped: bool
) -> None:
    other = SubscriptionKey("stripe", "acct", "sub_2")
    await ledger.record_intent(intent("elsewhere", first, key=other))
    await ledger.record_intent(intent("first", first))
    await ledger.record_intent(intent("second", second))
    state = IntentState.DROPPED if dropped else IntentState.PENDING
    assert await states(ledger) == {"second": IntentState.PENDING, "first": state}
    assert "elsewhere" in {i.id for i in await ledger.load_intents(FAR, 9)}


async def test_pending_intents_are_due_in_the_order_of_their_next_attempt(ledger: Ledger) -> None:
    await ledger.record_intent(intent("later", next_attempt_at=50))
    await ledger.record_intent(intent("sooner", NOW, key=SubscriptionKey("stripe", "acct", "b")))
    assert [i.id for i in await ledger.load_intents(49, 9)] == ["sooner"]
    assert [i.id for i in await ledger.load_intents(50, 9)] == ["sooner", "later"]
    assert [i.id for i in await ledger.load_intents(50, 1)] == ["sooner"]
    assert (await ledger.load_health(50)).intents == 2


async def test_intents_of_a_subscription_are_loaded_newest_first(ledger: Ledger) -> None:
    for n, kind in enumerate((CANCEL, RESUME, REFUND)):
        await ledger.record_intent(intent(f"w{n}", kind, created_at=10 + n))
    assert list(await states(ledger)) == ["w2", "w1", "w0"]


async def test_an_intents_outcome_is_recorded_with_its_snapshot_and_notices(ledger: Ledger) -> None:
    await ledger.record_intent(intent())
    done = intent(
        state=IntentState.DONE, attempts=1, refunded=Money(5, "eur"), outcome="Cancelled.", receipt=True
    )
    after = subscription(ends_at=99)
    await ledger.record_intent_outcome(done, SyncResult(after, "1", "cancelled", "intent_1", 20), [notice()])
    assert await ledger.load_intent("intent_1") == done
    assert await ledger.load_subscription(KEY) == after
    assert await ledger.load_notices(20, 9) == [notice()]
    assert await ledger.load_intents(FAR, 9) == []


async def test_a_failed_attempt_waits_and_keeps_what_it_learnt(ledger: Ledger) -> None:
    await ledger.record_intent(intent())
    waiting = intent(attempts=1, next_attempt_at=70, payment_id="pay_1")
    await ledger.record_intent_outcome(waiting, None, [])
    assert await ledger.load_intents(69, 9) == []
    assert await ledger.load_intents(70, 9) == [waiting]


@pytest.mark.parametrize("settled", [IntentState.DROPPED, IntentState.DONE, IntentState.FAILED])
async def test_a_settled_intent_does_not_become_pending_again(ledger: Ledger, settled: IntentState) -> None:
    await ledger.record_intent(intent())
    await ledger.record_intent_outcome(intent(state=settled), None, [])
    await ledger.record_intent_outcome(intent(attempts=1), None, [])
    assert await states(ledger) == {"intent_1": settled}


async def test_a_dropped_intent_that_the_provider_carried_out_is_done(ledger: Ledger) -> None:
    await ledger.record_intent(intent())
    await ledger.record_intent(intent("back", RESUME))
    done = replace(intent(), state=IntentState.DONE)
    await ledger.record_intent_outcome(done, None, [])
    assert await ledger.load_intent("intent_1") == done
