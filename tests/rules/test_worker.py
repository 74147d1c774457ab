"""The worker on a clock that tests turn: queues, timer, sweep, and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from billing.errors import DiscordUnavailable, LedgerUnavailable, ProviderUnavailable
from billing.model import Binding, DisputeState, Event, Intent, IntentKind, Notice, Subject, Subscription
from billing.model.member_roles import Seen
from billing.model.notices import Unknown
from billing.ports import SyncResult
from billing.use_cases.cancel import PATIENCE
from billing.worker.schedule import LONGEST_WAIT, SWEEP_AGAIN
from tests.rules.builders import DAY, GUILD, MEMBER, ROLE, make_key, make_price
from tests.rules.harness import INTERVAL, RulesHarness, run_worker, until


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[RulesHarness]:
    async with run_worker(tmp_path / "ledger.db") as made:
        await until(lambda: made.retries == 2)  # at the start, and after the first sweep
        yield made


async def test_the_worker_turns_an_event_into_a_role(harness: RulesHarness) -> None:
    await harness.add_plan()
    await harness.offer("sub_1")
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.holders() == 1 and harness.messenger.kinds() == ["started"])


async def test_more_items_than_a_queue_runs_at_once_are_all_done(harness: RulesHarness) -> None:
    await harness.add_plan()
    for number in range(60):
        await harness.offer(f"sub_{number}", member_id=MEMBER + number)
        await harness.ring("subscription", f"sub_{number}")
    await until(lambda: harness.holders() == 60 and len(harness.messenger.told) >= 60)
    await harness.quiet()
    assert harness.messenger.kinds() == ["started"] * 60
    assert harness.provider.count("fetch_subscription") == 60


async def test_the_worker_takes_roles_when_the_paid_time_ends(harness: RulesHarness) -> None:
    await harness.add_plan()
    sub = await harness.offer("sub_1")
    ends = harness.now + 3 * DAY
    harness.provider.subscriptions["sub_1"] = replace(sub, ends_at=ends)
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.holders() == 1)
    await harness.quiet()
    harness.clock.advance(3 * DAY - 60)
    await harness.quiet()
    assert harness.holders() == 1
    harness.clock.advance(61)
    await until(lambda: harness.holders() == 0)


async def test_a_failed_item_is_tried_again_when_it_is_due(harness: RulesHarness) -> None:
    await harness.add_plan()
    await harness.offer("sub_1")
    harness.roles.faults["fetch"] = DiscordUnavailable()
    await harness.ring("subscription", "sub_1")
    await until(lambda: ("fetch", MEMBER) in harness.roles.log)
    await harness.quiet()
    del harness.roles.faults["fetch"]
    assert harness.holders() == 0
    harness.clock.advance(5)
    await until(lambda: harness.holders() == 1)


async def test_an_idle_worker_does_not_spin(harness: RulesHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing is due, the worker asks for nothing, although a retry is waiting."""
    await harness.add_plan()
    await harness.offer("sub_1")
    harness.provider.fail("fetch_subscription", ProviderUnavailable())
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.provider.count("fetch_subscription") == 1)
    await harness.quiet()
    await asyncio.sleep(0.05)
    asked: list[str] = []
    load, due = harness.ledger.load_stale, harness.ledger.load_next_due

    async def count_load(at: int, limit: int) -> Any:
        asked.append("stale")
        return await load(at, limit)

    async def count_due(after: int) -> Any:
        asked.append("due")
        return await due(after)

    monkeypatch.setattr(harness.ledger, "load_next_due", count_due)
    monkeypatch.setattr(harness.ledger, "load_stale", count_load)
    for _ in range(200):
        await asyncio.sleep(0.001)
    assert len(asked) < 10


async def test_the_worker_sweeps_at_the_start_and_at_its_interval(harness: RulesHarness) -> None:
    await harness.add_plan()
    await harness.offer("sub_1")
    harness.clock.advance(INTERVAL - 60)
    await harness.quiet()
    assert harness.provider.count("list_subscriptions") == 1
    harness.clock.advance(61)
    await until(lambda: harness.holders() == 1)
    assert harness.provider.count("list_subscriptions") == 2


async def test_changed_prices_are_seen_at_the_start_and_at_each_sweep(tmp_path: Path) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        await harness.add_plan()
        harness.provider.prices["price_1"] = make_price(active=False)

        async def is_seen() -> bool:
            (plan,) = await harness.ledger.load_plans(GUILD)
            return plan.prices[0] == harness.provider.prices["price_1"]

        harness.worker.start()
        await until(is_seen)
        harness.provider.prices["price_1"] = make_price()
        harness.clock.advance(INTERVAL + 1)
        await until(is_seen)


async def test_a_failed_sweep_is_repeated_sooner(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        await harness.add_plan()
        await harness.offer("sub_1")
        harness.provider.fail("list_subscriptions", ProviderUnavailable(), times=1)
        harness.worker.start()
        await until(lambda: "sweep: Stripe" in caplog.text)  # it rests from then on
        harness.clock.advance(SWEEP_AGAIN + 1)
        await until(lambda: harness.holders() == 1)


async def test_a_pending_intent_is_executed_at_the_start(tmp_path: Path) -> None:
    """The intent is due in a minute, because a command was executing it when the program ended."""
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        sub = await harness.offer("sub_1")
        await harness.ledger.record_synced(SyncResult(sub, "test", "", "", harness.now))
        await harness.ledger.record_intent(make_intent(sub, harness.now - 1))
        harness.provider.fail("list_subscriptions", ProviderUnavailable())
        harness.worker.start()
        await until(lambda: harness.provider.count("cancel_now") == 1)


async def test_failed_items_are_retried_once_the_provider_is_back(
    harness: RulesHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.add_plan()
    await harness.offer("sub_1")
    harness.provider.fail("*", ProviderUnavailable())
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.provider.count("fetch_subscription") == 1)
    await harness.quiet()
    (stale,) = await harness.ledger.load_stale(harness.now + DAY, 1)
    await harness.ledger.record_fetch_failed(stale, "down for long", harness.now + 2 * DAY)
    harness.clock.advance(INTERVAL + 1)
    await until(lambda: "sweep: Stripe" in caplog.text)
    assert harness.provider.count("list_subscriptions") == 2
    assert harness.retries == 2
    harness.provider.heal()
    harness.clock.advance(SWEEP_AGAIN + 1)
    await until(lambda: harness.retries == 3)
    await until(lambda: harness.provider.count("fetch_subscription") == 2)


def make_intent(sub: Subscription, made_at: int) -> Intent:
    return Intent(
        "intent", IntentKind.CANCEL_NOW, sub.key, MEMBER, "", made_at, next_attempt_at=made_at + PATIENCE
    )


async def test_an_internal_error_in_a_sweep_does_not_stop_the_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        await harness.add_plan()
        await harness.offer("sub_1")
        listed = harness.provider.list_subscriptions
        monkeypatch.setattr(harness.provider, "list_subscriptions", lambda *_: 1 / 0)
        harness.worker.start()
        await harness.ring("subscription", "sub_1")
        await until(lambda: harness.holders() == 1 and "sweep: Stripe" in caplog.text)
        monkeypatch.setattr(harness.provider, "list_subscriptions", listed)
        harness.clock.advance(SWEEP_AGAIN + 1)
        await until(lambda: harness.provider.count("list_subscriptions") == 1)


@pytest.mark.parametrize("poison", [ValueError("a fault of ours"), LedgerUnavailable(detail="one row")])
async def test_failing_items_delay_no_others(
    harness: RulesHarness, poison: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More failing items than the queue's width, all older than the one that works."""
    await harness.add_plan()
    fetch = harness.provider.fetch_subscription

    async def fail(name: str) -> Subscription:
        if name.startswith("bad"):
            raise poison
        return await fetch(name)

    monkeypatch.setattr(harness.provider, "fetch_subscription", fail)
    await harness.ledger.record_stale([make_key(f"bad_{n}") for n in range(40)], "test", harness.now - 9)
    await harness.offer("sub_1")
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.holders() == 1)
    await harness.quiet()
    waiting = await harness.ledger.load_stale(harness.now + 10, 99)
    assert len(waiting) == 40
    assert {stale.attempts for stale in waiting} == {1}


async def test_failing_events_delay_no_others(harness: RulesHarness) -> None:
    """An event whose subject the rules do not expect at all."""
    await harness.add_plan()
    now = harness.now
    bad = [Event("stripe", "test", f"evt_{n}", "k", Subject("dispute", f"dp_{n}"), now) for n in range(9)]
    await harness.ledger.record_events(bad, now)  # the provider's answer breaks on each: KeyError
    await harness.offer("sub_1")
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.holders() == 1)
    await harness.quiet()
    assert (await harness.ledger.load_health(harness.now)).inbox == 9


async def test_the_later_state_of_a_dispute_wins(
    harness: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to its first event comes late, when the second event has already arrived."""
    await harness.add_plan()
    await harness.offer("sub_1")
    answers = [DisputeState.OPEN, DisputeState.WON]
    go = asyncio.Event()

    async def fetch(_: str) -> tuple[str, DisputeState]:
        state = answers.pop(0)
        if state is DisputeState.OPEN:
            await go.wait()
        return "sub_1", state

    monkeypatch.setattr(harness.provider, "fetch_dispute", fetch)
    now = harness.now
    for name in ("evt_opened", "evt_closed"):
        await harness.ledger.record_events(
            [Event("stripe", "test", name, "k", Subject("dispute", "dp"), now)], now
        )
    await asyncio.sleep(0.05)
    go.set()
    await until(lambda: not answers)
    await harness.quiet()
    sub = await harness.ledger.load_subscription(make_key())
    assert sub is not None
    assert sub.dispute is DisputeState.WON


@pytest.mark.parametrize("table", ["members", "notices", "intents"])
async def test_failing_items_of_every_queue_are_postponed(
    harness: RulesHarness, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.add_plan()
    sub = await harness.offer("sub_1")
    await harness.ring("subscription", "sub_1")
    await until(lambda: harness.messenger.kinds() == ["started"])
    await harness.quiet()
    calls: list[str] = []

    async def fail(*_: object, **__: object) -> None:
        calls.append(table)
        raise ValueError

    monkeypatch.setattr(harness.roles, "fetch_member", fail)
    monkeypatch.setattr(harness.messenger, "tell", fail)
    monkeypatch.setattr(harness.provider, "cancel_now", fail)
    await start_item(harness, table, sub)
    await until(lambda: calls == [table])
    await harness.quiet()
    assert calls == [table]
    harness.clock.advance(10)
    await until(lambda: calls == [table] * 2)


async def start_item(harness: RulesHarness, table: str, sub: Subscription) -> None:
    """One item of work that fails whenever it is tried."""
    now = harness.now
    if table == "members":
        await harness.ledger.record_queued_members([Binding(GUILD, MEMBER)], "test", now)
    elif table == "notices":
        await harness.ledger.record_notice(Notice("key", GUILD, MEMBER, Unknown("kind"), now))
    else:
        intent = Intent("intent", IntentKind.CANCEL_NOW, sub.key, MEMBER, "", now, next_attempt_at=now)
        await harness.ledger.record_intent(intent)


async def test_an_unreadable_ledger_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        await harness.add_plan()
        await harness.offer("sub_1")
        load = harness.ledger.load_stale
        tries: list[int] = []

        async def fail_once(at: int, limit: int) -> Any:
            tries.append(at)
            if len(tries) == 1:
                raise LedgerUnavailable
            return await load(at, limit)

        monkeypatch.setattr(harness.ledger, "load_stale", fail_once)
        harness.worker.start()
        await until(lambda: len(tries) == 1)
        await harness.ring("subscription", "sub_1")
        harness.clock.advance(6)
        await until(lambda: harness.holders() == 1)


async def test_a_timer_that_cannot_read_the_ledger_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        due = harness.ledger.record_due
        tries: list[int] = []

        async def fail_once(at: int) -> int:
            tries.append(at)
            if len(tries) == 1:
                raise LedgerUnavailable
            return await due(at)

        monkeypatch.setattr(harness.ledger, "record_due", fail_once)
        harness.worker.start()
        await until(lambda: len(tries) == 1)
        harness.clock.advance(LONGEST_WAIT)
        await until(lambda: len(tries) > 1)


class Slow:
    """Blocks callers until it is released."""

    def __init__(self) -> None:
        self.entered = 0
        self.finished = 0
        self.go = asyncio.Event()

    async def __call__(self, *_: object) -> Seen:
        self.entered += 1
        await self.go.wait()
        self.finished += 1
        return Seen(frozenset({ROLE}))


async def test_a_closing_worker_finishes_running_items(
    harness: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.add_plan()
    slow = Slow()
    monkeypatch.setattr(harness.roles, "fetch_member", slow)
    await harness.offer("sub_1")
    await harness.ring("subscription", "sub_1")
    await until(lambda: slow.entered == 1)
    closing = asyncio.ensure_future(harness.worker.close(30))
    await asyncio.sleep(0.01)
    assert not closing.done()
    slow.go.set()
    await closing
    assert slow.finished == 1
    assert await harness.ledger.load_queued_members(harness.now, 9) == []
    await harness.ring("subscription", "sub_1")
    await asyncio.sleep(0.02)
    assert len(await harness.ledger.load_pending_events(harness.now, 9)) == 1


async def test_a_closing_worker_cancels_items_after_its_patience(
    harness: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.add_plan()
    slow = Slow()
    monkeypatch.setattr(harness.roles, "fetch_member", slow)
    await harness.offer("sub_1")
    await harness.ring("subscription", "sub_1")
    await until(lambda: slow.entered == 1)
    await harness.worker.close(0.01)
    assert slow.finished == 0
    left = [t for t in asyncio.all_tasks() if "_handle" in repr(t.get_coro())]
    assert left == []
    assert len(await harness.ledger.load_queued_members(harness.now, 9)) == 1


async def test_closing_a_worker_that_never_started_does_nothing(tmp_path: Path) -> None:
    async with run_worker(tmp_path / "ledger.db", start=False) as harness:
        await harness.worker.close(1)
        assert harness.provider.calls == []
