"""Faults of the ledger's file: only stored events are acknowledged, and work continues afterwards."""

from __future__ import annotations

import resource
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest

from billing.errors import LedgerDamaged, LedgerHeld, LedgerTooNew, LedgerUnavailable
from db import SqliteLedger
from i18n.plain import plain_words
from standins.stripe.state import Obj
from tests.app.harness import DAY, AppHarness, link_of, make_app, running
from tests.crashes.crash_runner import stand_between
from tests.outages.helpers import changes_of, comes_to_rest, patiently, pay, subscription_of

MINUTE = 60


async def set_up(app: AppHarness, pragma: str) -> None:
    """On the connection that the program writes with."""
    assert app.process is not None
    async with app.process.ledger._writer._db.execute(f"PRAGMA {pragma}"):
        pass


@asynccontextmanager
async def locked(app: AppHarness) -> AsyncIterator[None]:
    """Another program holds it; ours waits 5 s for each commit, of which this makes 20 ms."""
    await set_up(app, "busy_timeout = 20")
    with closing(sqlite3.connect(app.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def read_only(app: AppHarness) -> AsyncIterator[None]:
    await set_up(app, "query_only = ON")
    yield
    await set_up(app, "query_only = OFF")


@asynccontextmanager
async def full(app: AppHarness) -> AsyncIterator[None]:
    """The system lets no file grow beyond what the ledger's log has by now, as on a full disk."""
    size = app.path.with_name("ledger.db-wal").stat().st_size
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


TROUBLES = {"locked by another program": locked, "read-only": read_only, "full": full}


def statuses(app: AppHarness) -> list[int | None]:
    return [attempt.status for delivery in app.stripe.deliveries for attempt in delivery.attempts]


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_an_event_that_cannot_be_stored_is_not_acknowledged(app: AppHarness, trouble: object) -> None:
    """For an hour; then Stripe has sent everything again."""
    await app.sell()
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    before = len(statuses(app))
    async with trouble(app):  # type: ignore[operator]  # one of TROUBLES
        app.stripe.pay_checkout(link)
        await app.stripe.settle()
        for _ in range(12):
            app.clock.advance(5 * MINUTE)
            await app.stripe.settle()
        assert {*statuses(app)[before:]} <= {503, 200}
        assert 503 in statuses(app)[before:]
        assert app.roles() == []
        card = await app.bob.run(app.guild, "cancel")
        assert card.text
    await patiently(app, lambda: app.roles() == ["Gold"], within=3 * 3600)
    await patiently(app, lambda: {d.state for d in app.stripe.deliveries} == {"delivered"}, within=DAY)
    assert changes_of(app) == ["+Gold"]
    await comes_to_rest(app)


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_a_person_reads_that_nothing_changed_if_the_ledger_cannot_be_written(
    app: AppHarness, trouble: object
) -> None:
    await app.sell()
    await app.buy()
    question = await app.bob.run(app.guild, "cancel")
    order = {"member": app.bob, "when": "now", "refund": "last_payment"}
    decision = await app.ada.run(app.guild, "revoke", order)
    async with trouble(app):  # type: ignore[operator]  # one of TROUBLES
        assert (
            plain_words(LedgerUnavailable.user_message) in (await question.press("Cancel subscription")).text
        )
        assert plain_words(LedgerUnavailable.user_message) in (await decision.press("Revoke access")).text
        assert subscription_of(app)["cancel_at_period_end"] is False
        assert subscription_of(app)["status"] == "active"
    assert (
        "### Cancelled" in (await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")).text
    )
    assert app.roles() == ["Gold"]


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_no_role_is_given_if_it_cannot_be_recorded(app: AppHarness, trouble: object) -> None:
    """Otherwise nobody would ever take the role again."""
    await app.sell()
    # The sweep of the start has read its lists, so that it does not find the purchase before the trouble.
    await patiently(app, lambda: any(asked.path == "/v1/disputes" for asked in app.stripe.exchanges))
    app.stripe.faults.add("stall", r"/subscriptions/sub_", method="GET", times=None)
    await pay(app)
    await app.stripe.faults.reached.wait()
    async with trouble(app):  # type: ignore[operator]  # one of TROUBLES
        app.stripe.faults.clear()
        app.stripe.faults.release()
        await app.bob.run(app.guild, "subscriptions")
        app.clock.advance(10)
        await app.bob.run(app.guild, "subscriptions")
        assert app.roles() == []
    app.clock.advance(10)
    await patiently(app, lambda: app.roles() == ["Gold"])
    state = await app.ports.ledger.load_member_state(app.guild.id, app.bob.id)
    assert state.granted == {app.gold.id}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
async def test_work_continues_after_the_disk_was_full(tmp_path: Path) -> None:
    """The system itself refuses to let the file grow, as it does on a full disk."""
    async with AsyncExitStack() as stack:
        app = await make_app(stack, tmp_path / "ledger.db", None)
        reaper = stand_between(app, tmp_path)
        stack.callback(reaper.kill)
        await reaper.start()
        options = {"name": "Gold", "role": app.gold, "stripe_price": app.price}
        await app.ada.run(app.guild, "plans add", options)
        link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
        await reaper.settle()
        size = app.path.with_name("ledger.db-wal").stat().st_size
        limit(reaper.process.pid, size)
        app.stripe.pay_checkout(link)
        await app.stripe.settle()
        assert {*statuses(app)} == {503}
        assert (
            plain_words(LedgerUnavailable.user_message)
            in (await app.cleo.run(app.guild, "subscribe", {"plan": "Gold"})).text
        )
        limit(reaper.process.pid, resource.RLIM_INFINITY)
        await reaper.settle()
        assert app.roles() == ["Gold"]
        assert reaper.lost_events() == set()
        assert len(paid(app)) == 1


def limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def paid(app: AppHarness) -> list[Obj]:
    return app.stripe.world.all("subscription")


@pytest.mark.parametrize("change", [0x00, 0xFF], ids=["wiped", "flipped"])
async def test_damage_to_any_page_of_the_ledger_is_noticed_at_start(
    idle_app: AppHarness, change: int
) -> None:
    """Nothing is written to it; put in order again, it goes on."""
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
    with closing(sqlite3.connect(app.path)) as other:
        other.execute("VACUUM")  # else pages are left over from migrations, whose damage is none
    whole = app.path.read_bytes()
    pages = len(whole) // 4096
    assert pages > 30
    for page in range(pages):
        part = slice(page * 4096, (page + 1) * 4096)
        broken = bytearray(whole)
        broken[part] = bytes(byte ^ change for byte in whole[part]) if change else bytes(4096)
        app.path.write_bytes(broken)
        with pytest.raises(LedgerDamaged):
            async with await SqliteLedger.open(app.path):
                pass
        assert app.path.read_bytes() == broken
    app.path.write_bytes(whole)
    async with running(app):
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_second_process_is_refused_and_the_first_goes_on(app: AppHarness) -> None:
    await app.sell()
    with pytest.raises(LedgerHeld) as refused:
        async with await SqliteLedger.open(app.path):
            pass
    assert "another" in plain_words(refused.value.user_message).lower()
    await app.buy()
    assert app.roles() == ["Gold"]


async def test_an_older_program_refuses_a_newer_ledger_and_changes_nothing(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
    version = number_of_schema(app, add=1)
    newer = app.path.read_bytes()
    with pytest.raises(LedgerTooNew) as refused:
        async with running(app):
            pass
    assert "newer version" in plain_words(refused.value.user_message)
    assert app.path.read_bytes() == newer
    assert number_of_schema(app, add=-1) == version + 1
    async with running(app):
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


def number_of_schema(app: AppHarness, add: int) -> int:
    """As it was; it is changed by so much."""
    with closing(sqlite3.connect(app.path, isolation_level=None)) as other:
        version = int(other.execute("PRAGMA user_version").fetchone()[0])
        other.execute(f"PRAGMA user_version = {version + add}")
    return version


async def test_wiped_pages_under_the_running_program_are_noticed(app: AppHarness) -> None:
    """The program trusts nothing of the ledger: no 200, no role taken, and /readyz reports it."""
    await app.sell()
    await app.buy()
    assert app.process is not None
    await set_up(app, "shrink_memory")
    await app.process.ledger._reader.run(lambda db: db.execute("PRAGMA shrink_memory").fetchall())
    with closing(sqlite3.connect(app.path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = app.path.read_bytes()
    app.path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
    await app.stripe.settle()
    assert statuses(app)[-1] == 503
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{app.port}/readyz") as answer,
    ):
        assert answer.status == 503
        assert (await answer.json())["ledger"] == plain_words(LedgerDamaged.user_message)
    assert plain_words(LedgerDamaged.user_message) in (await app.bob.run(app.guild, "subscriptions")).text
    app.clock.advance(60)
    assert app.roles() == ["Gold"]
