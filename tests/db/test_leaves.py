"""What a commit says that it left waiting, against what waits after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Set
from pathlib import Path
from typing import Any

import pytest

from billing.ports import QueueName, StaleSubscription, SyncResult
from db import SqliteLedger
from tests.contract.ledger.nouns import ANNA, GUILD, KEY, event, intent, notice, subscription

AT = 1_000


class Watched:
    """A ledger, what it announced since the last look, and the names of what was recorded."""

    def __init__(self) -> None:
        self.ledger: SqliteLedger
        self.announced: set[QueueName] = set()
        self.said = False

    def hear(self, works: Set[QueueName]) -> None:
        self.announced |= works
        self.said = True

    async def waiting(self) -> dict[QueueName, list[Any]]:
        led = self.ledger
        loads: dict[QueueName, Callable[[int, int], Awaitable[list[Any]]]] = {
            QueueName.LOCATE: led.load_pending_events,
            QueueName.SYNC: led.load_stale,
            QueueName.RECONCILE: led.load_marked,
            QueueName.EXECUTE_INTENT: led.load_intents,
            QueueName.DELIVER: led.load_notices,
        }
        return {work: await load(AT, 99) for work, load in loads.items()}

    async def after(self, recorded: Awaitable[object]) -> set[QueueName]:
        """What was announced; nothing may have begun to wait that was not."""
        before = await self.waiting()
        self.announced, self.said = set(), False
        await recorded
        await asyncio.sleep(0)
        now = await self.waiting()
        begun = {work for work, pieces in now.items() if any(piece not in before[work] for piece in pieces)}
        assert self.said
        assert begun <= self.announced
        return self.announced


@pytest.fixture
async def watched(path: Path) -> AsyncIterator[Watched]:
    watched = Watched()
    async with await SqliteLedger.open(path, watched.hear) as ledger:
        watched.ledger = ledger
        yield watched


async def test_each_step_of_an_event_wakes_only_the_next_and_all_of_it(watched: Watched) -> None:
    led = watched.ledger
    await led.record_synced(SyncResult(subscription(binding=ANNA), "provider", "fetched", "test", AT))
    assert await watched.after(led.record_events([event()], AT)) == {QueueName.LOCATE}
    assert await watched.after(led.record_located(event(), [KEY], AT)) == {QueueName.SYNC}
    (stale,) = await led.load_stale(AT, 9)
    paid = subscription(binding=ANNA, ends_at=AT + 9)
    synced = SyncResult(
        paid, "provider", "fetched", "test", AT, stale.version, notices=(notice(),), intents=(intent(),)
    )
    assert await watched.after(led.record_synced(synced)) == {
        QueueName.RECONCILE,
        QueueName.EXECUTE_INTENT,
        QueueName.DELIVER,
    }
    (mark,) = await led.load_marked(AT, 9)
    assert await watched.after(led.record_granting(GUILD, ANNA.member_id, 71, AT)) == set()
    told = [notice("another")]
    assert await watched.after(led.record_reconciled(mark, [], None, (), [], told, AT)) == {QueueName.DELIVER}
    assert await watched.after(led.record_checked([ANNA], AT + 1)) == set()


async def test_lanes_for_what_a_step_did_not_bring_are_left_alone(watched: Watched) -> None:
    led = watched.ledger
    synced = SyncResult(subscription(binding=ANNA), "provider", "fetched", "test", AT)
    assert await watched.after(led.record_synced(synced)) == {QueueName.RECONCILE}
    (mark,) = await led.load_marked(AT, 9)
    # What the member is to be told has waited for the roles.
    assert await watched.after(led.record_reconciled(mark, [], None, (), [], [], AT)) == {QueueName.DELIVER}


async def test_what_is_not_known_better_may_leave_anything(watched: Watched) -> None:
    assert await watched.after(watched.ledger.record_stale([KEY], "test", AT)) == set(QueueName)


async def test_commits_in_one_group_announce_what_any_of_them_left(watched: Watched) -> None:
    async def both() -> None:
        found = event("evt_2")
        located = watched.ledger.record_located(found, [KEY], AT)
        await asyncio.gather(watched.ledger.record_events([event()], AT), located)

    await watched.ledger.record_events([event("evt_2")], AT)
    assert await watched.after(both()) == {QueueName.LOCATE, QueueName.SYNC}


async def test_a_mark_that_was_made_anew_meanwhile_waits_on(watched: Watched) -> None:
    """The step that it left behind announces nothing of it: its own commit did."""
    led = watched.ledger
    await led.record_events([event()], AT)
    await led.record_located(event(), [KEY], AT)
    (stale,) = await led.load_stale(AT, 9)
    assert QueueName.SYNC in await watched.after(led.record_stale([KEY], "again", AT))
    synced = SyncResult(subscription(), "provider", "fetched", "test", AT, stale.version)
    assert QueueName.SYNC not in await watched.after(led.record_synced(synced))
    (left,) = await led.load_stale(AT, 9)
    assert isinstance(left, StaleSubscription)
    assert left.version > stale.version
