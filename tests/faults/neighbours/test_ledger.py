"""What can happen to the ledger's file: nothing is acknowledged that was not stored, and it goes on after."""

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
from standins.stripe.state import Obj
from tests.cogs.town import DAY, Town, link_of, make_town, running
from tests.faults.kills.reaper import stand_between
from tests.faults.neighbours.ways import changes_of, comes_to_rest, patiently, pay, subscription_of

MINUTE = 60


async def set_up(town: Town, pragma: str) -> None:
    """On the connection that the program writes with."""
    assert town.process is not None
    async with town.process.ledger._writer._db.execute(f"PRAGMA {pragma}"):
        pass


@asynccontextmanager
async def locked(town: Town) -> AsyncIterator[None]:
    """Another program holds it; ours waits 5 s for each commit, of which this makes 20 ms."""
    await set_up(town, "busy_timeout = 20")
    with closing(sqlite3.connect(town.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def read_only(town: Town) -> AsyncIterator[None]:
    await set_up(town, "query_only = ON")
    yield
    await set_up(town, "query_only = OFF")


@asynccontextmanager
async def full(town: Town) -> AsyncIterator[None]:
    """The system lets no file grow beyond what the ledger's log has by now, as on a full disk."""
    size = town.path.with_name("ledger.db-wal").stat().st_size
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


TROUBLES = {"locked by another program": locked, "read-only": read_only, "full": full}


def statuses(town: Town) -> list[int | None]:
    return [attempt.status for delivery in town.stripe.deliveries for attempt in delivery.attempts]


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_what_cannot_be_stored_is_not_acknowledged(town: Town, trouble: object) -> None:
    """For an hour; then Stripe has sent everything again."""
    await town.sell()
    link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    before = len(statuses(town))
    async with trouble(town):  # type: ignore[operator]  # one of TROUBLES
        town.stripe.pay_checkout(link)
        await town.stripe.settle()
        for _ in range(12):
            town.clock.advance(5 * MINUTE)
            await town.stripe.settle()
        assert {*statuses(town)[before:]} <= {503, 200}
        assert 503 in statuses(town)[before:]
        assert town.roles() == []
        card = await town.bob.run(town.guild, "cancel")
        assert card.text
    await patiently(town, lambda: town.roles() == ["Gold"], within=3 * 3600)
    await patiently(town, lambda: {d.state for d in town.stripe.deliveries} == {"delivered"}, within=DAY)
    assert changes_of(town) == ["+Gold"]
    await comes_to_rest(town)


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_a_person_is_told_that_nothing_was_changed(town: Town, trouble: object) -> None:
    await town.sell()
    await town.buy()
    question = await town.bob.run(town.guild, "cancel")
    order = {"member": town.bob, "when": "now", "refund": "last_payment"}
    decision = await town.ada.run(town.guild, "revoke", order)
    async with trouble(town):  # type: ignore[operator]  # one of TROUBLES
        assert LedgerUnavailable.user_message in (await question.press("Cancel subscription")).text
        assert LedgerUnavailable.user_message in (await decision.press("Revoke access")).text
        assert subscription_of(town)["cancel_at_period_end"] is False
        assert subscription_of(town)["status"] == "active"
    assert (
        "### Cancelled"
        in (await (await town.bob.run(town.guild, "cancel")).press("Cancel subscription")).text
    )
    assert town.roles() == ["Gold"]


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_no_role_is_given_that_could_not_be_noted(town: Town, trouble: object) -> None:
    """Else nobody would ever take it again."""
    await town.sell()
    town.stripe.faults.add("stall", r"/subscriptions/sub_", method="GET", times=None)
    await pay(town)
    await town.stripe.faults.reached.wait()
    async with trouble(town):  # type: ignore[operator]  # one of TROUBLES
        town.stripe.faults.clear()
        town.stripe.faults.release()
        await town.bob.run(town.guild, "subscriptions")
        town.clock.advance(10)
        await town.bob.run(town.guild, "subscriptions")
        assert town.roles() == []
    town.clock.advance(10)
    await patiently(town, lambda: town.roles() == ["Gold"])
    state = await town.ports.ledger.load_member_state(town.guild.id, town.bob.id)
    assert state.granted == {town.gold.id}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
async def test_a_disk_that_is_full_under_the_running_program(tmp_path: Path) -> None:
    """The system itself refuses to let the file grow, as it does on a full disk."""
    async with AsyncExitStack() as stack:
        town = await make_town(stack, tmp_path / "ledger.db", None)
        reaper = stand_between(town, tmp_path)
        stack.callback(reaper.kill)
        await reaper.start()
        options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
        await town.ada.run(town.guild, "plans add", options)
        link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
        await reaper.settle()
        size = town.path.with_name("ledger.db-wal").stat().st_size
        limit(reaper.process.pid, size)
        town.stripe.pay_checkout(link)
        await town.stripe.settle()
        assert {*statuses(town)} == {503}
        assert (
            LedgerUnavailable.user_message
            in (await town.cleo.run(town.guild, "subscribe", {"plan": "Gold"})).text
        )
        limit(reaper.process.pid, resource.RLIM_INFINITY)
        await reaper.settle()
        assert town.roles() == ["Gold"]
        assert reaper.lost_events() == set()
        assert len(paid(town)) == 1


def limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def paid(town: Town) -> list[Obj]:
    return town.stripe.world.all("subscription")


@pytest.mark.parametrize("change", [0x00, 0xFF], ids=["wiped", "flipped"])
async def test_each_page_that_is_damaged_is_noticed_at_the_start(still_town: Town, change: int) -> None:
    """Nothing is written to it; put in order again, it goes on."""
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
    with closing(sqlite3.connect(town.path)) as other:
        other.execute("VACUUM")  # else pages are left over from migrations, whose damage is none
    whole = town.path.read_bytes()
    pages = len(whole) // 4096
    assert pages > 30
    for page in range(pages):
        part = slice(page * 4096, (page + 1) * 4096)
        broken = bytearray(whole)
        broken[part] = bytes(byte ^ change for byte in whole[part]) if change else bytes(4096)
        town.path.write_bytes(broken)
        with pytest.raises(LedgerDamaged):
            async with await SqliteLedger.open(town.path):
                pass
        assert town.path.read_bytes() == broken
    town.path.write_bytes(whole)
    async with running(town):
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_a_second_process_is_refused_and_the_first_goes_on(town: Town) -> None:
    await town.sell()
    with pytest.raises(LedgerHeld) as refused:
        async with await SqliteLedger.open(town.path):
            pass
    assert "another" in refused.value.user_message.lower()
    await town.buy()
    assert town.roles() == ["Gold"]


async def test_an_older_program_refuses_a_newer_ledger_and_changes_nothing(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
    version = number_of_schema(town, add=1)
    newer = town.path.read_bytes()
    with pytest.raises(LedgerTooNew) as refused:
        async with running(town):
            pass
    assert "later version" in refused.value.user_message
    assert town.path.read_bytes() == newer
    assert number_of_schema(town, add=-1) == version + 1
    async with running(town):
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


def number_of_schema(town: Town, add: int) -> int:
    """As it was; it is changed by so much."""
    with closing(sqlite3.connect(town.path, isolation_level=None)) as other:
        version = int(other.execute("PRAGMA user_version").fetchone()[0])
        other.execute(f"PRAGMA user_version = {version + add}")
    return version


async def test_pages_that_are_wiped_under_the_running_program(town: Town) -> None:
    """It believes nothing of it: no 200, no role taken, and /readyz says it."""
    await town.sell()
    await town.buy()
    assert town.process is not None
    await set_up(town, "shrink_memory")
    await town.process.ledger._read(lambda db: db.execute("PRAGMA shrink_memory").fetchall())
    with closing(sqlite3.connect(town.path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = town.path.read_bytes()
    town.path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
    await town.stripe.settle()
    assert statuses(town)[-1] == 503
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{town.port}/readyz") as answer,
    ):
        assert answer.status == 503
        assert (await answer.json())["ledger"] == LedgerDamaged.user_message
    assert LedgerDamaged.user_message in (await town.bob.run(town.guild, "subscriptions")).text
    town.clock.advance(60)
    assert town.roles() == ["Gold"]
