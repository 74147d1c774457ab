"""Recording the result of one fetch at the provider."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.errors import Conflict
from billing.model import Binding, Change, DisputeState, Item, Status
from billing.ports import Ledger
from tests.contract.ledger.conftest import LEDGERS, Opening, opened
from tests.contract.ledger.nouns import (
    ANNA,
    BERT,
    FAR,
    GUILD,
    KEY,
    OTHER_GUILD,
    intent,
    marks,
    notice,
    plan,
    price,
    settle,
    subscription,
    sync,
    the_stale,
)

FULL = subscription(
    status=Status.PAUSED,
    provider_status="paused by somebody",
    items=(Item(price("a", "p", interval_count=3, trial_days=7, active=False), 2), Item(price("b"))),
    created_at=2**40,
    period_start=1,
    period_end=2,
    ends_at=3,
    ended_at=4,
    trial_end=5,
    unpaid_since=6,
    paid_through=8,
    checkout_id="co_1",
    dispute=DisputeState.WON,
    binding=ANNA,
)


@pytest.mark.parametrize("snapshot", [subscription(), FULL], ids=["least", "most"])
async def test_a_snapshot_is_loaded_as_recorded(ledger: Ledger, snapshot: Any) -> None:
    assert await ledger.load_subscription(KEY) is None
    assert await sync(ledger, snapshot)
    assert await ledger.load_subscription(KEY) == snapshot


async def test_a_repeated_snapshot_changes_nothing(ledger: Ledger) -> None:
    await sync(ledger, FULL)
    await settle(ledger)
    assert not await sync(ledger, FULL, at=50)
    assert await marks(ledger) == {}
    assert len(await ledger.load_history(GUILD, ANNA.member_id, 9)) == 1


async def test_a_newly_bound_subscription_queues_its_member_and_binds_the_customer(ledger: Ledger) -> None:
    await sync(ledger, subscription())
    assert await marks(ledger) == {}
    await sync(ledger, subscription(binding=ANNA))
    assert set(await marks(ledger)) == {ANNA}
    await sync(ledger, subscription("b", customer_id="cus_sub_1"))
    with pytest.raises(Conflict):
        await ledger.record_binding(subscription("b", customer_id="cus_sub_1").key, BERT, "admin", "", 50)
    assert len(await ledger.load_history(GUILD, ANNA.member_id, 9)) == 1


DECIDING: dict[str, Any] = {
    "status": Status.PAUSED,
    "ends_at": 900,
    "dispute": DisputeState.OPEN,
    "items": (Item(price("price_2", "prod_2")),),
}


@pytest.mark.parametrize("field", DECIDING)
async def test_a_change_of_access_queues_the_member_and_is_in_history(ledger: Ledger, field: str) -> None:
    await ledger.record_plan(plan(), "admin", 10)
    await sync(ledger, subscription(binding=ANNA))
    await settle(ledger)
    assert await sync(ledger, subscription(**{field: DECIDING[field]}), at=40)
    assert set(await marks(ledger)) == {ANNA}
    newest, _ = await ledger.load_history(GUILD, ANNA.member_id, 9)
    assert (newest.at, newest.who, newest.why, newest.evidence) == (40, "provider", "fetched", "evt_1")
    assert newest.before != newest.after
    assert "sub_1" in newest.subject


async def test_a_plain_renewal_queues_nobody(ledger: Ledger) -> None:
    await sync(ledger, subscription(binding=ANNA, period_end=100))
    await settle(ledger)
    assert await sync(ledger, subscription(period_end=200), at=40)
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.period_end == 200
    assert await marks(ledger) == {}
    assert len(await ledger.load_history(GUILD, ANNA.member_id, 9)) == 1


async def test_a_snapshot_cannot_change_a_recorded_binding(ledger: Ledger) -> None:
    await sync(ledger, subscription(binding=ANNA))
    for other in (None, BERT, Binding(OTHER_GUILD, ANNA.member_id)):
        await sync(ledger, subscription(binding=other, ends_at=70))
        found = await ledger.load_subscription(KEY)
        assert found is not None
        assert found.binding == ANNA


async def test_a_recorded_dispute_stands_until_a_snapshot_settles_it(ledger: Ledger) -> None:
    await sync(ledger, subscription(dispute=DisputeState.OPEN))
    await sync(ledger, subscription(period_end=70))
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.dispute is DisputeState.OPEN
    await sync(ledger, subscription(dispute=DisputeState.WON))
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.dispute is DisputeState.WON


async def test_an_older_snapshot_does_not_revive_an_ended_subscription(ledger: Ledger) -> None:
    ended = subscription(status=Status.ENDED, ended_at=15, binding=ANNA)
    await sync(ledger, ended)
    await settle(ledger)
    await ledger.record_stale([KEY], "sweep", 20)
    version = (await the_stale(ledger)).version
    older = subscription(period_end=99)
    follows: dict[str, Any] = {"notices": (notice(),), "intents": (intent(),)}
    assert not await sync(ledger, older, version=version, **follows)
    assert await ledger.load_subscription(KEY) == ended
    assert await ledger.load_stale(FAR, 9) == []
    assert await marks(ledger) == {}
    assert await ledger.load_notice("told_1") is None
    assert await ledger.load_intent("intent_1") is None


async def test_an_ended_subscription_can_still_gain_details(ledger: Ledger) -> None:
    await sync(ledger, subscription(status=Status.ENDED, ended_at=15))
    more = subscription(status=Status.ENDED, ended_at=15, paid_through=99)
    assert await sync(ledger, more)
    assert await ledger.load_subscription(KEY) == more


@pytest.mark.parametrize("status", [Status.PAUSED, Status.ENDED])
@pytest.mark.parametrize(
    ("knew", "says", "keeps"), [(60, None, 60), (60, 50, 60), (60, 70, 60), (15, 70, 70), (15, 10, 15)]
)
async def test_the_paid_time_never_shrinks_once_a_subscription_stops(
    ledger: Ledger, status: Status, knew: int, says: int | None, keeps: int
) -> None:
    """The member was told the date while it ran; an end in the past was outdated data."""
    await sync(ledger, subscription(paid_through=knew))
    await sync(ledger, subscription(status=status, paid_through=says))
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.paid_through == keeps


@pytest.mark.parametrize("status", [Status.PAUSED, Status.ENDED])
async def test_the_paid_time_shrinks_if_the_last_payment_proves_to_be_older(
    ledger: Ledger, status: Status
) -> None:
    await sync(ledger, subscription(period_start=9, paid_through=60))
    await sync(ledger, subscription(status=status, period_start=9, paid_through=50))
    await sync(ledger, (older := subscription(status=status, period_start=8, paid_through=40)))
    assert await ledger.load_subscription(KEY) == older


async def test_the_paid_time_of_a_running_subscription_is_what_the_provider_says(ledger: Ledger) -> None:
    await sync(ledger, subscription(paid_through=60))
    await sync(ledger, subscription(paid_through=50))
    assert await ledger.load_subscription(KEY) == subscription(paid_through=50)


async def test_a_subscription_that_ended_without_its_paid_time_gets_none_back(ledger: Ledger) -> None:
    await sync(ledger, subscription(paid_through=60))
    ended = subscription(status=Status.ENDED, paid_through=60)
    await sync(ledger, ended, at=20, at_once=True)
    await sync(ledger, ended, at=30)
    assert await ledger.load_subscription(KEY) == replace(ended, paid_through=20)


async def test_a_snapshot_is_recorded_with_its_intents_and_notices(ledger: Ledger) -> None:
    change = Change(20, GUILD, ANNA.member_id, "roles", "timer", "why", "evt", "a", "b")
    follows: dict[str, Any] = {"changes": (change,), "notices": (notice(), notice()), "intents": (intent(),)}
    await sync(ledger, subscription(), **follows)
    assert await ledger.load_history(GUILD, ANNA.member_id, 9) == [change]
    assert await ledger.load_notices(20, 9) == [notice()]
    assert await ledger.load_intents(20, 9) == [intent()]


SEEN = st.tuples(
    st.sampled_from([Status.ACTIVE, Status.PAST_DUE, Status.ENDED]),
    st.none() | st.integers(1, 50),
)


@settings(max_examples=40, deadline=None)
@given(seen=st.lists(SEEN, min_size=1, max_size=8))
def test_an_end_is_final_and_a_debt_dates_from_when_it_was_first_seen(seen: list[Any]) -> None:
    for open_ledger in LEDGERS.values():
        asyncio.run(_look(open_ledger, seen))


async def _look(open_ledger: Opening, seen: list[tuple[Status, int | None]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        async with opened(open_ledger, Path(name)) as ledger:
            owed: int | None = None
            ended = False
            for now, (status, since) in enumerate(seen, 100):
                await sync(ledger, subscription(status=status, unpaid_since=since), at=now)
                if ended and status is not Status.ENDED:
                    continue
                ended = status is Status.ENDED
                said = [t for t in (owed, since, now) if t is not None]
                owed = said[0] if status is Status.PAST_DUE else None
                found = await ledger.load_subscription(KEY)
                assert found is not None
                kept = (found.status, found.unpaid_since)
                assert kept == (status, owed if status is Status.PAST_DUE else since)


async def put_off(ledger: Ledger, until: int) -> None:
    """Bind and queue the member, who waits for the provider's answer."""
    await sync(ledger, subscription(binding=ANNA), at=10)
    await ledger.record_stale([KEY], "timer", 20)
    await ledger.record_reconcile_failed((await marks(ledger))[ANNA], "the provider is asked first", until)


async def test_a_member_who_waits_for_the_provider_is_queued_by_the_next_snapshot(ledger: Ledger) -> None:
    await put_off(ledger, until=90)
    assert await marks(ledger, 30) == {}
    assert not await sync(
        ledger, subscription(binding=ANNA), at=30, version=(await the_stale(ledger)).version
    )
    assert set(await marks(ledger, 30)) == {ANNA}


async def test_a_snapshot_during_an_attempt_causes_another_attempt(ledger: Ledger) -> None:
    await put_off(ledger, until=21)
    taken = (await marks(ledger, 21))[ANNA]
    await sync(ledger, subscription(binding=ANNA), at=22, version=(await the_stale(ledger)).version)
    await ledger.record_reconcile_failed(taken, "the provider is asked first", 90)
    assert set(await marks(ledger, 22)) == {ANNA}


async def test_a_payment_before_a_change_of_plan_still_pays_for_its_time(ledger: Ledger) -> None:
    """After a change of plan PayPal counts cycles from zero, so the payment seems to have bought nothing."""
    await sync(ledger, subscription(period_start=10, paid_through=90))
    await sync(ledger, subscription(period_start=10, paid_through=10, counts_anew=True))
    await sync(ledger, subscription(period_start=10, paid_through=10, counts_anew=True))
    await sync(ledger, subscription(status=Status.PAUSED, period_start=10, paid_through=10, counts_anew=True))
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.paid_through == 90


@pytest.mark.parametrize(("start", "anew", "keeps"), [(10, True, 90), (10, False, 40), (11, True, 40)])
async def test_a_change_of_plan_shortens_paid_time_no_more_than_a_new_payment(
    ledger: Ledger, start: int, anew: bool, keeps: int
) -> None:
    """From yearly to monthly: the paid year stays until another payment, or until PayPal counts one."""
    await sync(ledger, subscription(period_start=10, paid_through=90))
    await sync(ledger, subscription(period_start=start, paid_through=40, counts_anew=anew))
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.paid_through == keeps
