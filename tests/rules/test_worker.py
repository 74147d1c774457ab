"""What goes on by itself, on a clock that is turned: lanes, timer, sweep, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from billing.errors import DiscordUnavailable, LedgerUnavailable, ProviderUnavailable
from billing.model import Binding, DisputeState, Event, Intent, IntentKind, Notice, Subject, Subscription
from billing.model.members import Seen
from billing.model.notices import Unknown
from billing.ports import SyncResult
from billing.use_cases.cancel import PATIENCE
from billing.worker.runner import LONGEST_WAIT, SWEEP_AGAIN
from tests.rules.builders import DAY, GUILD, MEMBER, ROLE, make_key, make_price
from tests.rules.worker_harness import INTERVAL, Bench, quiet, run, until


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with run(tmp_path / "ledger.db") as made:
        await until(lambda: made.retries == 2)  # at the start, and after the first sweep
        yield made


async def test_an_event_becomes_a_role_by_itself(bench: Bench) -> None:
    await bench.sell()
    await bench.offer("sub_1")
    await bench.ring("sub_1")
    await until(lambda: bench.holders() == 1 and bench.messenger.kinds() == ["started"])


async def test_more_pieces_than_a_lane_is_wide_are_all_done(bench: Bench) -> None:
    await bench.sell()
    for number in range(60):
        await bench.offer(f"sub_{number}")
        await bench.ring(f"sub_{number}")
    await until(lambda: bench.holders() == 60 and len(bench.messenger.told) >= 60)
    await quiet(bench)
    assert bench.messenger.kinds() == ["started"] * 60
    assert bench.provider.count("fetch_subscription") == 60


async def test_paid_time_ends_when_the_clock_is_turned(bench: Bench) -> None:
    await bench.sell()
    sub = await bench.offer("sub_1")
    ends = bench.ports.now() + 3 * DAY
    bench.provider.subscriptions["sub_1"] = replace(sub, ends_at=ends)
    await bench.ring("sub_1")
    await until(lambda: bench.holders() == 1)
    await quiet(bench)
    bench.clock.advance(3 * DAY - 60)
    await quiet(bench)
    assert bench.holders() == 1
    bench.clock.advance(61)
    await until(lambda: bench.holders() == 0)


async def test_a_failed_piece_is_tried_again_when_its_time_has_come(bench: Bench) -> None:
    await bench.sell()
    await bench.offer("sub_1")
    bench.roles.faults["fetch"] = DiscordUnavailable()
    await bench.ring("sub_1")
    await until(lambda: ("fetch", MEMBER) in bench.roles.log)
    await quiet(bench)
    del bench.roles.faults["fetch"]
    assert bench.holders() == 0
    bench.clock.advance(5)
    await until(lambda: bench.holders() == 1)


async def test_it_does_not_spin(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing is due nothing is asked, although a retry is waiting."""
    await bench.sell()
    await bench.offer("sub_1")
    bench.provider.fail("fetch_subscription", ProviderUnavailable())
    await bench.ring("sub_1")
    await until(lambda: bench.provider.count("fetch_subscription") == 1)
    await quiet(bench)
    await asyncio.sleep(0.05)
    asked: list[str] = []
    load, due = bench.ledger.load_stale, bench.ledger.load_next_due

    async def count_load(at: int, limit: int) -> Any:
        asked.append("stale")
        return await load(at, limit)

    async def count_due(after: int) -> Any:
        asked.append("due")
        return await due(after)

    monkeypatch.setattr(bench.ledger, "load_next_due", count_due)
    monkeypatch.setattr(bench.ledger, "load_stale", count_load)
    for _ in range(200):
        await asyncio.sleep(0.001)
    assert len(asked) < 10


async def test_it_sweeps_at_the_start_and_at_its_interval(bench: Bench) -> None:
    await bench.sell()
    await bench.offer("sub_1")
    bench.clock.advance(INTERVAL - 60)
    await quiet(bench)
    assert bench.provider.count("list_subscriptions") == 1
    bench.clock.advance(61)
    await until(lambda: bench.holders() == 1)
    assert bench.provider.count("list_subscriptions") == 2


async def test_what_became_of_a_price_is_seen_at_the_start_and_at_its_interval(tmp_path: Path) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        await bench.sell()
        bench.provider.prices["price_1"] = make_price(active=False)

        async def is_seen() -> bool:
            (plan,) = await bench.ledger.load_plans(None)
            return plan.prices[0] == bench.provider.prices["price_1"]

        bench.worker.start()
        await until(is_seen)
        bench.provider.prices["price_1"] = make_price()
        bench.clock.advance(INTERVAL + 1)
        await until(is_seen)


async def test_a_sweep_that_met_a_fault_comes_again_sooner(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        await bench.sell()
        await bench.offer("sub_1")
        bench.provider.fail("list_subscriptions", ProviderUnavailable(), times=1)
        bench.worker.start()
        await until(lambda: "sweep: Stripe" in caplog.text)  # it rests from then on
        bench.clock.advance(SWEEP_AGAIN + 1)
        await until(lambda: bench.holders() == 1)


async def test_a_wish_that_was_kept_before_is_carried_out_at_the_start(tmp_path: Path) -> None:
    """Its own moment is a minute away: somebody was waiting for it when the program ended."""
    async with run(tmp_path / "ledger.db", start=False) as bench:
        sub = await bench.offer("sub_1")
        await bench.ledger.record_synced(SyncResult(sub, "test", "", "", bench.ports.now()))
        await bench.ledger.record_intent(wish(sub, bench.ports.now() - 1))
        bench.provider.fail("list_subscriptions", ProviderUnavailable())
        bench.worker.start()
        await until(lambda: bench.provider.count("cancel_now") == 1)


async def test_what_failed_is_tried_when_the_provider_is_back(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.sell()
    await bench.offer("sub_1")
    bench.provider.fail("*", ProviderUnavailable())
    await bench.ring("sub_1")
    await until(lambda: bench.provider.count("fetch_subscription") == 1)
    await quiet(bench)
    (stale,) = await bench.ledger.load_stale(bench.ports.now() + DAY, 1)
    await bench.ledger.record_fetch_failed(stale, "down for long", bench.ports.now() + 2 * DAY)
    bench.clock.advance(INTERVAL + 1)
    await until(lambda: "sweep: Stripe" in caplog.text)
    assert bench.provider.count("list_subscriptions") == 2
    assert bench.retries == 2
    bench.provider.heal()
    bench.clock.advance(SWEEP_AGAIN + 1)
    await until(lambda: bench.retries == 3)
    await until(lambda: bench.provider.count("fetch_subscription") == 2)


def wish(sub: Subscription, made_at: int) -> Intent:
    return Intent(
        "wish", IntentKind.CANCEL_NOW, sub.key, MEMBER, "", made_at, next_attempt_at=made_at + PATIENCE
    )


async def test_a_sweep_that_breaks_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        await bench.sell()
        await bench.offer("sub_1")
        listed = bench.provider.list_subscriptions
        monkeypatch.setattr(bench.provider, "list_subscriptions", lambda known: 1 / 0)
        bench.worker.start()
        await bench.ring("sub_1")
        await until(lambda: bench.holders() == 1 and "sweep: Stripe" in caplog.text)
        monkeypatch.setattr(bench.provider, "list_subscriptions", listed)
        bench.clock.advance(SWEEP_AGAIN + 1)
        await until(lambda: bench.provider.count("list_subscriptions") == 1)


@pytest.mark.parametrize("poison", [ValueError("a fault of ours"), LedgerUnavailable(detail="one row")])
async def test_pieces_at_fault_hold_up_no_others(
    bench: Bench, poison: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than the lane is wide, and older than the one that can be done."""
    await bench.sell()
    fetch = bench.provider.fetch_subscription

    async def fail(name: str) -> Subscription:
        if name.startswith("bad"):
            raise poison
        return await fetch(name)

    monkeypatch.setattr(bench.provider, "fetch_subscription", fail)
    await bench.ledger.record_stale([make_key(f"bad_{n}") for n in range(40)], "test", bench.ports.now() - 9)
    await bench.offer("sub_1")
    await bench.ring("sub_1")
    await until(lambda: bench.holders() == 1)
    await quiet(bench)
    waiting = await bench.ledger.load_stale(bench.ports.now() + 10, 99)
    assert len(waiting) == 40
    assert {stale.attempts for stale in waiting} == {1}


async def test_events_at_fault_hold_up_no_others(bench: Bench) -> None:
    """An event whose subject the rules do not expect at all."""
    await bench.sell()
    now = bench.ports.now()
    bad = [Event("stripe", "test", f"evt_{n}", "k", Subject("dispute", f"dp_{n}"), now) for n in range(9)]
    await bench.ledger.record_events(bad, now)  # the provider's answer breaks on each: KeyError
    await bench.offer("sub_1")
    await bench.ring("sub_1")
    await until(lambda: bench.holders() == 1)
    await quiet(bench)
    assert (await bench.ledger.load_health(bench.ports.now())).inbox == 9


async def test_of_one_dispute_the_later_word_stands(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to its first event comes late, when the second has arrived already."""
    await bench.sell()
    await bench.offer("sub_1")
    answers = [DisputeState.OPEN, DisputeState.WON]
    go = asyncio.Event()

    async def fetch(_: str) -> tuple[str, DisputeState]:
        state = answers.pop(0)
        if state is DisputeState.OPEN:
            await go.wait()
        return "sub_1", state

    monkeypatch.setattr(bench.provider, "fetch_dispute", fetch)
    now = bench.ports.now()
    for name in ("evt_opened", "evt_closed"):
        await bench.ledger.record_events(
            [Event("stripe", "test", name, "k", Subject("dispute", "dp"), now)], now
        )
    await asyncio.sleep(0.05)
    go.set()
    await until(lambda: not answers)
    await quiet(bench)
    sub = await bench.ledger.load_subscription(make_key())
    assert sub is not None
    assert sub.dispute is DisputeState.WON


@pytest.mark.parametrize("table", ["members", "notices", "intents"])
async def test_other_pieces_at_fault_are_put_off_too(
    bench: Bench, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.sell()
    sub = await bench.offer("sub_1")
    await bench.ring("sub_1")
    await until(lambda: bench.messenger.kinds() == ["started"])
    await quiet(bench)
    calls: list[str] = []

    async def fail(*_: object, **__: object) -> None:
        calls.append(table)
        raise ValueError

    monkeypatch.setattr(bench.roles, "fetch_member", fail)
    monkeypatch.setattr(bench.messenger, "tell", fail)
    monkeypatch.setattr(bench.provider, "cancel_now", fail)
    await start_piece(bench, table, sub)
    await until(lambda: calls == [table])
    await quiet(bench)
    assert calls == [table]
    bench.clock.advance(10)
    await until(lambda: calls == [table] * 2)


async def start_piece(bench: Bench, table: str, sub: Subscription) -> None:
    """One piece of work that is at fault whenever it is tried."""
    now = bench.ports.now()
    if table == "members":
        await bench.ledger.record_marks([Binding(GUILD, MEMBER)], "test", now)
    elif table == "notices":
        await bench.ledger.record_notice(Notice("key", GUILD, MEMBER, Unknown("kind"), now))
    else:
        wish = Intent("wish", IntentKind.CANCEL_NOW, sub.key, MEMBER, "", now, next_attempt_at=now)
        await bench.ledger.record_intent(wish)


async def test_a_ledger_that_cannot_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        await bench.sell()
        await bench.offer("sub_1")
        load = bench.ledger.load_stale
        tries: list[int] = []

        async def fail_once(at: int, limit: int) -> Any:
            tries.append(at)
            if len(tries) == 1:
                raise LedgerUnavailable
            return await load(at, limit)

        monkeypatch.setattr(bench.ledger, "load_stale", fail_once)
        bench.worker.start()
        await until(lambda: len(tries) == 1)
        await bench.ring("sub_1")
        bench.clock.advance(6)
        await until(lambda: bench.holders() == 1)


async def test_a_timer_that_cannot_read_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        due = bench.ledger.record_due
        tries: list[int] = []

        async def fail_once(at: int) -> int:
            tries.append(at)
            if len(tries) == 1:
                raise LedgerUnavailable
            return await due(at)

        monkeypatch.setattr(bench.ledger, "record_due", fail_once)
        bench.worker.start()
        await until(lambda: len(tries) == 1)
        bench.clock.advance(LONGEST_WAIT)
        await until(lambda: len(tries) > 1)


class Slow:
    """Holds up whoever comes, until it is let go."""

    def __init__(self) -> None:
        self.entered = 0
        self.finished = 0
        self.go = asyncio.Event()

    async def __call__(self, *_: object) -> Seen:
        self.entered += 1
        await self.go.wait()
        self.finished += 1
        return Seen(frozenset({ROLE}))


async def test_it_drains_what_runs_when_it_closes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.sell()
    slow = Slow()
    monkeypatch.setattr(bench.roles, "fetch_member", slow)
    await bench.offer("sub_1")
    await bench.ring("sub_1")
    await until(lambda: slow.entered == 1)
    closing = asyncio.ensure_future(bench.worker.close(30))
    await asyncio.sleep(0.01)
    assert not closing.done()
    slow.go.set()
    await closing
    assert slow.finished == 1
    assert await bench.ledger.load_marked(bench.ports.now(), 9) == []
    await bench.ring("sub_1")
    await asyncio.sleep(0.02)
    assert len(await bench.ledger.load_pending_events(bench.ports.now(), 9)) == 1


async def test_it_waits_no_longer_than_its_patience(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.sell()
    slow = Slow()
    monkeypatch.setattr(bench.roles, "fetch_member", slow)
    await bench.offer("sub_1")
    await bench.ring("sub_1")
    await until(lambda: slow.entered == 1)
    await bench.worker.close(0.01)
    assert slow.finished == 0
    left = [t for t in asyncio.all_tasks() if "_handle" in repr(t.get_coro())]
    assert left == []
    assert len(await bench.ledger.load_marked(bench.ports.now(), 9)) == 1


async def test_closing_one_that_never_started_is_nothing(tmp_path: Path) -> None:
    async with run(tmp_path / "ledger.db", start=False) as bench:
        await bench.worker.close(1)
        assert bench.provider.calls == []
