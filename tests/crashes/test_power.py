"""The power is cut: what was acknowledged is on disk before the 200 leaves (promise 2).

Shown by the order in which the program changes its files, syncs them and answers. At each moment what was
written and not synced counts as lost, and the ledger is put together from the rest.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

from tests.app.harness import link_of, make_app
from tests.crashes.crash_runner import stand_between
from tests.crashes.event_log import Disk, Record, read_log


async def lived(folder: Path, synchronous: str | None = None) -> tuple[list[str], list[Record]]:
    """The program from an empty ledger to a payment's role; the events that it acknowledged, one after
    another, and its log."""
    async with AsyncExitStack() as stack:
        app = await make_app(stack, folder / "ledger.db", None)
        runner = stand_between(app, folder)
        runner.disk_log, runner.synchronous = folder / "log", synchronous
        stack.callback(runner.kill)
        await runner.start()
        app.stripe.delivery_faults.hold = True
        options = {"name": "Gold", "role": app.gold, "stripe_price": app.price}
        await app.ada.run(app.guild, "plans add", options)
        app.stripe.pay_checkout(link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})))
        app.stripe.release()
        await runner.settle()
        assert app.roles() == ["Gold"]
        return [d.event["id"] for d in app.stripe.deliveries], list(read_log(folder / "log"))


def kept_after(disk: Disk, folder: Path) -> set[str]:
    """The events in the ledger that a power cut leaves; it must be whole."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    disk.leave(folder)
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'inbox'").fetchone():
            return set()
        return {row[0] for row in db.execute("SELECT event_id FROM inbox")}


def lost_by_power_cuts(events: list[str], records: list[Record], folder: Path) -> Iterator[str]:
    """Events that were acknowledged and would be gone. The power is cut at each acknowledgement, and before
    and after each sync."""
    disk, acknowledged = Disk(), 0
    for record in records:
        if record.kind == "s":
            yield from set(events[:acknowledged]) - kept_after(disk, folder)
        disk.see(record)
        if record.kind == "o" and b"stored 1" in record.data:
            acknowledged += 1
        if record.kind == "s" or b"stored 1" in record.data:
            yield from set(events[:acknowledged]) - kept_after(disk, folder)
    assert acknowledged == len(events) > 2


async def test_acknowledged_events_survive_a_power_cut(folder: Path) -> None:
    events, records = await lived(folder)
    syncs = sum(record.kind == "s" for record in records)
    assert list(lost_by_power_cuts(events, records, folder / "after")) == []
    print(f"power cut at {2 * syncs + len(events)} moments")  # pytest -rP shows it


async def test_without_syncs_a_power_cut_would_lose_acknowledged_events(folder: Path) -> None:
    """The same program with synchronous=NORMAL: what shows that the test above can fail."""
    events, records = await lived(folder, "NORMAL")
    assert next(lost_by_power_cuts(events, records, folder / "after"), None) is not None
