"""The power is cut: what was acknowledged is on disk before the 200 leaves (promise 2).

Shown by the order of the program's system calls. At each moment what was written and not synced counts as
lost, and the ledger is put together from the rest.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from providers.stripe.setup import EVENTS
from tests.cogs.town import link_of, make_town
from tests.e2e import process
from tests.e2e.process import Program, is_ready, settings_of, until
from tests.faults.kills.trail import Disk, Record, build_shim, read_trail

PROGRAM = ("bot.py", "check.py", "config.py", "logs.py", "billing", "cogs", "db", "providers", "web")


async def lived(folder: Path, shim: Path) -> tuple[list[str], list[Record]]:
    """The program from an empty ledger to a payment's role; the events that it acknowledged, one after
    another, and its trail."""
    folder.mkdir()
    async with AsyncExitStack() as stack:
        town = await make_town(stack, folder / "ledger.db", None)
        (endpoint,) = town.stripe.world.all("webhook_endpoint")
        endpoint["enabled_events"] = list(EVENTS)
        trail = folder / "trail"
        program = Program(folder, settings_of(town, LD_PRELOAD=str(shim), SHIM_TRAIL=str(trail)))
        await program.start()
        stack.push_async_callback(program.stop)
        await is_ready(town)
        town.stripe.delivery_faults.hold = True
        options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
        await town.ada.run(town.guild, "plans add", options)
        town.stripe.pay_checkout(link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})))
        town.stripe.release()
        await until(town, lambda: town.roles() == ["Gold"])
        await town.stripe.settle()
        return [d.event["id"] for d in town.stripe.deliveries], list(read_trail(trail))


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


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


async def test_what_was_acknowledged_outlives_a_power_cut(tmp_path: Path, shim: Path) -> None:
    events, records = await lived(tmp_path / "life", shim)
    syncs = sum(record.kind == "s" for record in records)
    assert list(lost_by_power_cuts(events, records, tmp_path / "after")) == []
    print(f"power cut at {2 * syncs + len(events)} moments")  # pytest -rP shows it


async def test_without_the_sync_it_would_not(
    tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same program with synchronous=NORMAL: what shows that the test above can fail."""
    copy = tmp_path / "copy"
    for name in PROGRAM:
        source = process.ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(source, copy / name)
    schema = copy / "db" / "schema.py"
    text = schema.read_text()
    assert text.count("synchronous = FULL") == 1
    schema.write_text(text.replace("synchronous = FULL", "synchronous = NORMAL"))
    monkeypatch.setattr(process, "ROOT", copy)
    events, records = await lived(tmp_path / "life", shim)
    assert next(lost_by_power_cuts(events, records, tmp_path / "after"), None) is not None
