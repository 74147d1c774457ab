"""Opening a ledger: who may, what is refused, and how it is migrated."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerDamaged, LedgerHeld, LedgerTooNew, LedgerUnavailable
from billing.model import Binding, Item, Plan, Price
from db import SqliteLedger
from db.queries.rows import sold, to_json
from db.sqlite.schema import CHECKED_WHOLE, load_migrations, prepare, version_of
from tests.contract.ledger.nouns import event

ROOT = Path(__file__).parents[2]
MIGRATIONS = load_migrations()


def connect(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def schema(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()


async def make(path: Path, rows: int = 1) -> None:
    """Create a ledger with some rows, and close it."""
    async with await SqliteLedger.open(path) as ledger:
        await ledger.record_events([event(f"e{n}") for n in range(rows)], 10)


async def refused(path: Path, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        async with await SqliteLedger.open(path):
            pass


async def test_a_new_ledger_makes_its_folder_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "ledger.db"
    await make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_commit_is_synced_to_disk_and_does_not_block_readers(ledger: SqliteLedger) -> None:
    def settings(db: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await ledger._writer.run(settings) == ["wal", 2, 1, 5000]
    assert await ledger._reader.run(lambda db: db.execute("PRAGMA query_only").fetchone()[0]) == 1


@pytest.mark.parametrize("earlier", range(len(MIGRATIONS) + 1))
async def test_every_earlier_schema_is_migrated_to_the_newest(
    tmp_path: Path, path: Path, earlier: int
) -> None:
    with connect(path) as db:
        prepare(db, MIGRATIONS[:earlier])
        assert version_of(db) == earlier
    await make(path)
    await make(tmp_path / "fresh.db")
    with connect(path) as db, connect(tmp_path / "fresh.db") as fresh:
        assert schema(db) == schema(fresh)
        assert version_of(db) == len(MIGRATIONS)


async def test_a_migrated_ledger_knows_the_prices_of_its_subscriptions(path: Path) -> None:
    """The migrations' SQL writes the same values as the program, each once."""
    strange = 'prod "1" \u00e9/\u2028\U0001f600'
    prices = [Price("stripe", "test", f"price_{n}", strange, 500, "eur", "month") for n in (1, 2)]
    sold_before = {
        "one": (Item(prices[0]),),
        "three of it": (Item(prices[0], 3),),
        "two": (Item(prices[0]), Item(prices[1], 3)),
        "one of two": (Item(prices[0], 0), Item(prices[1])),
        "nothing of it": (Item(prices[0], 0),),
        "none": (),
    }
    with connect(path) as db:
        prepare(db, MIGRATIONS[:4])
        for name, items in sold_before.items():
            db.execute(
                "INSERT INTO subscriptions (provider, account, id, customer_id, status, provider_status,"
                " items, created_at, dispute, guild_id, member_id)"
                " VALUES ('stripe', 'test', ?, 'cus_1', 'active', 'active', ?, 1, 'none', 7, 8)",
                (name, to_json(items)),
            )
        prepare(db, MIGRATIONS)
        asked = "SELECT subscriptions.id, sold FROM subscriptions JOIN sales ON sales.id = sale"
        found = dict(db.execute(asked).fetchall())
        assert db.execute("SELECT count(*) FROM sales").fetchone()[0] == 4
    assert found == {name: sold(items) for name, items in sold_before.items()}
    async with await SqliteLedger.open(path) as ledger:
        kept = {sub.key.id: sub.items for sub in await ledger.load_subscriptions_of(8)}
        assert kept == sold_before


async def test_a_pause_recorded_by_an_older_version_hides_no_subscription(path: Path) -> None:
    item = Item(Price("stripe", "test", "price_1", "prod_1", 500, "eur", "month"))
    with connect(path) as db:
        prepare(db, MIGRATIONS[:4])
        db.execute(
            "INSERT INTO subscriptions (provider, account, id, customer_id, status, provider_status, items,"
            " created_at, collection_void_since, dispute, guild_id, member_id)"
            " VALUES ('stripe', 'test', 'sub_1', 'cus_1', 'active', 'active', ?, 1, 2, 'none', 7, 8)",
            (to_json((item,)),),
        )
    async with await SqliteLedger.open(path) as ledger:
        await ledger.record_plan(Plan(0, 7, "Gold", (71,), (item.price,)), "test", 10)
        await ledger._writer.run(lambda db: db.execute("UPDATE members SET next_try_at = NULL"))
        assert await ledger.load_drifted_members(Binding(0, 0), 100, 0, 9) == [Binding(7, 8)]


def test_a_migration_that_fails_leaves_the_earlier_schema(path: Path) -> None:
    with connect(path) as db:
        prepare(db, MIGRATIONS)
        before = schema(db)
        with pytest.raises(sqlite3.OperationalError):
            prepare(db, [*MIGRATIONS, "CREATE TABLE half (a);", "CREATE TABLE other (a); SELECT no_such();"])
        assert "half" in {row[1] for row in schema(db)}
        assert [row for row in schema(db) if row[1] != "half"] == before
        assert version_of(db) == len(MIGRATIONS) + 1


DIE_HALFWAY = """
import os, sqlite3, sys
from db.sqlite.schema import load_migrations, prepare
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function("die", 0, lambda: os._exit(9))
prepare(db, [*load_migrations(), "CREATE TABLE half (a); DELETE FROM inbox; SELECT die();"])
"""


async def test_a_crash_within_a_migration_leaves_the_earlier_schema(path: Path) -> None:
    await make(path)
    done = subprocess.run([sys.executable, "-c", DIE_HALFWAY, path], cwd=ROOT, check=False)
    assert done.returncode == 9
    with connect(path) as db:
        assert version_of(db) == len(MIGRATIONS)
        assert "half" not in {row[1] for row in schema(db)}
    async with await SqliteLedger.open(path) as ledger:
        assert await ledger.load_pending_events(10, 9) == [event("e0")]


async def test_a_newer_ledger_is_refused_and_not_touched(path: Path) -> None:
    await make(path)
    with connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    await refused(path, LedgerTooNew)
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_not_changed(path: Path) -> None:
    with connect(path) as db:
        db.execute("CREATE TABLE photos (a)")
    before = path.read_bytes()
    await refused(path, LedgerDamaged)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    await refused(path, LedgerDamaged)


@pytest.mark.parametrize("checked_whole", [CHECKED_WHOLE, 0], ids=["small", "large"])
async def test_a_truncated_ledger_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, checked_whole: int
) -> None:
    monkeypatch.setattr("db.sqlite.schema.CHECKED_WHOLE", checked_whole)
    await make(path, 500)
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2 // 4096 * 4096)
    await refused(path, LedgerDamaged)


async def test_a_ledger_with_foreign_bytes_in_it_is_refused(path: Path) -> None:
    await make(path, 500)
    middle = path.stat().st_size // 2 // 4096 * 4096
    with path.open("rb+") as file:
        file.seek(middle)
        file.write(os.urandom(8192))
    await refused(path, LedgerDamaged)


async def test_damage_to_an_open_ledger_is_reported(path: Path) -> None:
    await make(path, 500)
    async with await SqliteLedger.open(path) as ledger:
        with path.open("rb+") as file:
            file.seek(4096)
            file.write(os.urandom(path.stat().st_size - 4096))
        with pytest.raises(LedgerDamaged):
            await ledger.load_pending_events(10, 9)


async def test_a_ledger_in_an_unwritable_place_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    await refused(tmp_path / "file" / "ledger.db", LedgerUnavailable)
    await refused(tmp_path, LedgerUnavailable)


HOLD = """
import asyncio, pathlib, sys
from db import SqliteLedger
async def main():
    async with await SqliteLedger.open(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
asyncio.run(main())
"""


async def test_a_second_process_is_refused_until_the_first_is_gone(path: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, path], cwd=ROOT, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        await refused(path, LedgerHeld)
        holder.kill()
    await make(path)


async def test_a_refused_ledger_is_unlocked(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    await refused(path, LedgerDamaged)
    path.unlink()
    await make(path)
