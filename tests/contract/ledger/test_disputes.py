"""Several disputes of one subscription, and what they mean together."""

from __future__ import annotations

from itertools import permutations

import pytest

from billing.model import DisputeState, Status, SubscriptionKey
from billing.ports import Ledger
from tests.contract.ledger.nouns import ANNA, KEY, dispute, marks, plan, settle, subscription, sync

NONE, OPEN, WON, LOST = DisputeState.NONE, DisputeState.OPEN, DisputeState.WON, DisputeState.LOST


async def state(ledger: Ledger) -> DisputeState:
    found = await ledger.load_subscription(KEY)
    assert found is not None
    return found.dispute


async def test_a_dispute_is_loaded_as_last_recorded(ledger: Ledger) -> None:
    assert await ledger.load_dispute("stripe", "acct", "dp_1") is None
    for heard in (OPEN, LOST):
        await sync(ledger, subscription(), dispute=dispute(state=heard))
        assert await ledger.load_dispute("stripe", "acct", "dp_1") is heard
    for other in (("stripe", "acct", "dp_2"), ("stripe", "other", "dp_1"), ("paypal", "acct", "dp_1")):
        assert await ledger.load_dispute(*other) is None


async def test_a_dispute_about_an_unknown_subscription_is_recorded(ledger: Ledger) -> None:
    await sync(ledger, None, dispute=dispute(key=None, state=WON))
    assert await ledger.load_dispute("stripe", "acct", "dp_1") is WON


@pytest.mark.parametrize(
    ("states", "together"),
    [((OPEN, WON), OPEN), ((LOST, WON), LOST), ((LOST, OPEN), LOST), ((WON, WON), WON), ((WON, NONE), WON)],
)
async def test_the_worst_dispute_of_a_subscription_counts(
    ledger: Ledger, states: tuple[DisputeState, ...], together: DisputeState
) -> None:
    for run, order in enumerate(permutations(states)):
        key = SubscriptionKey("stripe", "acct", f"sub_{run}")
        for number, one in enumerate(order):
            about = dispute(f"dp_{run}_{number}", one, key=key)
            await sync(ledger, subscription(key.id, dispute=one), dispute=about)
        found = await ledger.load_subscription(key)
        assert found is not None
        assert found.dispute is together


async def test_disputes_of_other_subscriptions_do_not_count(ledger: Ledger) -> None:
    await sync(ledger, subscription("sub_2"), dispute=dispute(key=SubscriptionKey("stripe", "acct", "sub_2")))
    await sync(ledger, subscription(), dispute=dispute("dp_2", WON))
    assert await state(ledger) is WON


async def test_a_snapshot_without_a_dispute_keeps_the_recorded_one(ledger: Ledger) -> None:
    await sync(ledger, subscription(binding=ANNA), dispute=dispute())
    await sync(ledger, subscription(status=Status.PAST_DUE))
    assert await state(ledger) is OPEN


async def test_the_member_is_queued_when_the_last_dispute_is_settled(ledger: Ledger) -> None:
    await ledger.record_plan(plan(), "admin", 10)
    for name in ("dp_1", "dp_2"):
        await sync(ledger, subscription(binding=ANNA), dispute=dispute(name))
    await settle(ledger)
    await sync(ledger, subscription(), dispute=dispute("dp_1", WON))
    assert await marks(ledger) == {}
    await sync(ledger, subscription(), dispute=dispute("dp_2", WON))
    assert list(await marks(ledger)) == [ANNA]
