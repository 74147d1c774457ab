"""A retry makes all failed work due immediately."""

from __future__ import annotations

from billing.model import Binding
from billing.ports import Ledger
from tests.contract.ledger.nouns import ANNA, GUILD, KEY, event, intent, marks, the_stale

WAITS_UNTIL = 900


async def failed(ledger: Ledger) -> None:
    """One failed item of each kind, last tried at 10."""
    await ledger.record_events([event()], 10)
    await ledger.record_event_failed(event(), "down", WAITS_UNTIL)
    await ledger.record_stale([KEY], "sweep", 10)
    await ledger.record_fetch_failed(await the_stale(ledger), "down", WAITS_UNTIL)
    await ledger.record_queued_members([ANNA], "sweep", 10)
    await ledger.record_reconcile_failed((await marks(ledger))[ANNA], "down", WAITS_UNTIL)
    await ledger.record_intent(intent(next_attempt_at=WAITS_UNTIL))


async def due(ledger: Ledger, at: int) -> list[int]:
    loads = (ledger.load_pending_events, ledger.load_stale, ledger.load_queued_members, ledger.load_intents)
    return [len(await load(at, 9)) for load in loads]


async def test_a_retry_makes_everything_that_failed_due_at_once(ledger: Ledger) -> None:
    await failed(ledger)
    assert await due(ledger, WAITS_UNTIL - 1) == [0, 0, 0, 0]
    await ledger.record_retry(20, 20)
    assert await due(ledger, 19) == [0, 0, 0, 0]
    assert await due(ledger, 20) == [1, 1, 1, 1]
    assert (await the_stale(ledger)).attempts == 1, "the next wait is no shorter than it would have been"


async def test_a_retry_leaves_an_intent_to_the_command_that_executes_it(ledger: Ledger) -> None:
    await ledger.record_intent(intent(created_at=10, next_attempt_at=70))
    await ledger.record_retry(20, 10)
    assert await ledger.load_intents(20, 9) == []
    await ledger.record_retry(20, 11)
    assert len(await ledger.load_intents(20, 9)) == 1


async def test_a_retry_keeps_the_place_of_a_member_that_is_due_already(ledger: Ledger) -> None:
    early = Binding(GUILD, 5)
    await ledger.record_queued_members([early], "sweep", 10)
    await ledger.record_reconcile_failed((await marks(ledger))[early], "down", 15)
    await failed(ledger)
    await ledger.record_retry(20, 20)
    assert [mark.member_id for mark in await ledger.load_queued_members(20, 9)] == [5, ANNA.member_id]
