"""Events, and which subscriptions are to be fetched for them."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.model import SubscriptionKey
from billing.ports import Ledger, StaleSubscription
from billing.priority import YIELDS, Priority
from tests.contract.ledger.conftest import LEDGERS, Opening, opened
from tests.contract.ledger.nouns import ANNA, KEY, event, ring, subscription, sync, the_stale

OTHER = SubscriptionKey("stripe", "acct", "sub_2")


async def test_a_repeated_event_is_stored_once(ledger: Ledger) -> None:
    assert await ledger.record_events([event("a"), event("b"), event("a")], 10) == 2
    assert await ledger.record_events([event("b"), event("c")], 11) == 1
    assert await ledger.load_pending_events(11, 9) == [event("a"), event("b"), event("c")]


async def test_stored_events_are_distinguished_from_unknown_ones(ledger: Ledger) -> None:
    await ledger.record_events([event("a"), event("b"), replace(event("c"), account="another")], 10)
    known = await ledger.load_known_events("stripe", "acct", ["a", "b", "c", "d"])
    assert known == {"a", "b"}
    assert await ledger.load_known_events("paypal", "acct", ["a"]) == set()
    assert await ledger.load_known_events("stripe", "acct", []) == set()


async def test_simultaneous_duplicates_are_stored_once(ledger: Ledger) -> None:
    new = await asyncio.gather(*(ledger.record_events([event("a")], 10) for _ in range(8)))
    assert sum(new) == 1
    assert len(await ledger.load_pending_events(10, 9)) == 1


async def test_the_same_event_id_in_two_accounts_is_two_events(ledger: Ledger) -> None:
    events = [event("a"), event("a", account="other"), event("a", provider="paypal")]
    assert await ledger.record_events(events, 10) == 3


async def test_an_event_without_a_subject_is_done_when_stored(ledger: Ledger) -> None:
    assert await ledger.record_events([event(subject=None)], 10) == 1
    assert await ledger.load_pending_events(10, 9) == []
    assert (await ledger.load_health(10)).inbox == 0
    assert await ledger.record_events([event(subject=None)], 11) == 0


async def test_pending_events_are_loaded_oldest_first_up_to_the_limit(ledger: Ledger) -> None:
    await ledger.record_events([event("late")], 12)
    await ledger.record_events([event("early")], 10)
    assert [e.id for e in await ledger.load_pending_events(12, 1)] == ["early"]
    assert [e.id for e in await ledger.load_pending_events(12, 9)] == ["early", "late"]
    assert [e.id for e in await ledger.load_pending_events(11, 9)] == ["early"]


async def test_a_failing_event_waits_and_delays_no_other(ledger: Ledger) -> None:
    await ledger.record_events([event("poison"), event("good")], 10)
    await ledger.record_event_failed(event("poison"), "no such thing", 50)
    assert [e.id for e in await ledger.load_pending_events(49, 1)] == ["good"]
    assert [e.id for e in await ledger.load_pending_events(50, 9)] == ["good", "poison"]
    assert await ledger.load_next_due(10) == 50


async def test_a_located_event_is_open_until_its_subscriptions_are_fetched(
    ledger: Ledger,
) -> None:
    await ring(ledger, event(), [KEY, OTHER], 10)
    assert await ledger.load_pending_events(10, 9) == []
    stale = await ledger.load_stale(10, 9)
    assert {s.key for s in stale} == {KEY, OTHER}
    assert {(s.evidence, s.attempts) for s in stale} == {("evt_1", 0)}
    for s, left in zip(stale, (1, 0), strict=True):
        assert (await ledger.load_health(10)).inbox == 1
        await sync(ledger, subscription(s.key.id), version=s.version)
        assert (await ledger.load_health(10)).inbox == left
    assert await ledger.load_stale(10, 9) == []


async def test_an_event_located_at_no_subscription_is_done(ledger: Ledger) -> None:
    await ring(ledger, event(), [], 10)
    assert (await ledger.load_health(10)).inbox == 0
    assert await ledger.load_pending_events(10, 9) == []


async def test_a_late_failure_does_not_reopen_a_located_event(ledger: Ledger) -> None:
    await ring(ledger, event(), [KEY], 10)
    await ledger.record_event_failed(event(), "down", 20)
    assert await ledger.load_pending_events(20, 9) == []


async def test_locating_an_event_twice_changes_nothing(ledger: Ledger) -> None:
    await ring(ledger, event(), [KEY], 10)
    await ledger.record_located(event(), [KEY], 11)
    await sync(ledger, subscription(), version=(await the_stale(ledger)).version)
    assert (await ledger.load_health(12)).inbox == 0
    await ledger.record_located(event(), [KEY], 13)
    assert await ledger.load_stale(13, 9) == []


async def test_many_events_about_one_subscription_cause_one_fetch(ledger: Ledger) -> None:
    for n in range(5):
        await ring(ledger, event(f"e{n}"), [KEY], 10 + n)
    stale = await the_stale(ledger)
    assert stale.evidence == "e4"
    await sync(ledger, subscription(), version=stale.version)
    assert (await ledger.load_health(20)).inbox == 0


async def test_an_event_that_arrives_during_a_fetch_is_not_finished_by_it(ledger: Ledger) -> None:
    await ring(ledger, event("before"), [KEY], 10)
    taken = await the_stale(ledger)
    await ring(ledger, event("during"), [KEY], 11)
    await sync(ledger, subscription(), version=taken.version)
    assert (await ledger.load_health(12)).inbox == 1
    again = await the_stale(ledger)
    assert again.evidence == "during"
    assert again.version != taken.version


async def test_a_queue_version_is_not_used_again_after_a_fetch(ledger: Ledger) -> None:
    await ledger.record_stale([KEY], "sweep", 10)
    first = await the_stale(ledger)
    await sync(ledger, subscription(), version=first.version)
    await ledger.record_stale([KEY], "sweep", 11)
    await sync(ledger, subscription(), version=first.version)  # a second look with the old mark
    assert (await the_stale(ledger)).version > first.version


async def test_a_fetch_that_found_nothing_leaves_the_queue(ledger: Ledger) -> None:
    await ring(ledger, event(), [KEY], 10)
    stale = await the_stale(ledger)
    assert not await sync(ledger, None, version=stale.version)
    assert await ledger.load_stale(20, 9) == []
    assert (await ledger.load_health(20)).inbox == 0


async def test_a_failed_fetch_waits_and_counts_its_attempts(ledger: Ledger) -> None:
    await ledger.record_stale([KEY], "sweep", 10)
    await ledger.record_fetch_failed(await the_stale(ledger), "down", 60)
    assert await ledger.load_stale(59, 9) == []
    assert (await the_stale(ledger, 60)).attempts == 1
    assert await ledger.load_next_due(20) == 60


async def test_a_new_event_is_fetched_at_once_even_if_an_earlier_fetch_waits(ledger: Ledger) -> None:
    await ledger.record_stale([KEY], "sweep", 10)
    await ledger.record_fetch_failed(await the_stale(ledger), "down", 60)
    await ring(ledger, event(), [KEY], 20)
    assert (await the_stale(ledger, 20)).attempts == 1


async def test_a_failed_fetch_does_not_postpone_an_event_that_came_meanwhile(ledger: Ledger) -> None:
    await ledger.record_stale([KEY], "sweep", 10)
    taken = await the_stale(ledger)
    await ledger.record_stale([KEY], "timer", 11)
    await ledger.record_fetch_failed(taken, "down", 60)
    assert (await the_stale(ledger, 11)).attempts == 1


async def test_the_longest_waiting_subscription_is_fetched_first(ledger: Ledger) -> None:
    await ledger.record_stale([KEY], "sweep", 10)
    await ledger.record_stale([OTHER], "sweep", 11)
    await ledger.record_stale([KEY, KEY], "sweep", 12)
    assert [s.key for s in await ledger.load_stale(12, 9)] == [KEY, OTHER]
    assert [s.key for s in await ledger.load_stale(12, 1)] == [KEY]


STEPS = st.lists(st.sampled_from(["ring", "take", "sync"]), max_size=14)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_an_event_is_finished_only_by_a_fetch_that_began_after_it(steps: list[str]) -> None:
    for open_ledger in LEDGERS.values():
        asyncio.run(_play(open_ledger, steps))


async def _play(open_ledger: Opening, steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        async with opened(open_ledger, Path(name)) as ledger:
            rung: list[int] = []  # the moments of rings that no fetch has answered yet
            taken: tuple[int, StaleSubscription] | None = None
            for now, step in enumerate(steps, 1):
                if step == "ring":
                    await ring(ledger, event(f"e{now}"), [KEY], now)
                    rung.append(now)
                elif step == "take" and rung:
                    taken = (now, await the_stale(ledger))
                elif step == "sync" and taken is not None:
                    await sync(ledger, subscription(), at=now, version=taken[1].version)
                    rung = [moment for moment in rung if moment > taken[0]]
                assert bool(await ledger.load_stale(now, 9)) == bool(rung)
                assert (await ledger.load_health(now)).inbox == len(rung)


async def test_the_more_urgent_subscription_is_fetched_first_but_for_a_while_only(ledger: Ledger) -> None:
    await ledger.record_stale([KEY], "renewal", 10, Priority.ROUTINE)
    await ledger.record_stale([OTHER], "bought", 10 + YIELDS[Priority.ROUTINE] - 1, Priority.PERSON)
    assert [s.key for s in await ledger.load_stale(2_000, 9)] == [OTHER, KEY]
    await sync(ledger, subscription(OTHER.id), version=(await ledger.load_stale(2_000, 9))[0].version)
    await ledger.record_stale([OTHER], "bought", 11 + YIELDS[Priority.ROUTINE], Priority.PERSON)
    assert [s.key for s in await ledger.load_stale(2_000, 9)] == [KEY, OTHER]


async def test_of_two_reasons_to_fetch_the_more_urgent_one_counts(ledger: Ledger) -> None:
    await ring(ledger, event(), [KEY], 10)
    await ledger.record_stale([KEY], "sweep", 10, Priority.ROUTINE)
    assert (await the_stale(ledger, 10)).priority is Priority.CHANGE
    await ledger.record_stale([KEY], "bought", 10, Priority.PERSON)
    assert (await the_stale(ledger, 10)).priority is Priority.PERSON


async def test_members_subscriptions_that_are_due_are_found_with_the_moment_they_were_made(
    ledger: Ledger,
) -> None:
    await sync(ledger, subscription(binding=ANNA, created_at=5))
    await sync(ledger, subscription(OTHER.id))  # nobody's
    await ledger.record_stale([KEY, OTHER], "sweep", 10, Priority.ROUTINE)
    here = ("stripe", "acct")
    assert [(s.key, made) for s, made in await ledger.load_stale_members(*here, 10, 9)] == [(KEY, 5)]
    assert await ledger.load_stale_members(*here, 9, 9) == []
    await ledger.record_stale([KEY], "bought", 10, Priority.PERSON)
    assert await ledger.load_stale_members(*here, 10, 9) == []
