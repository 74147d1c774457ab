"""A ledger with rows, of every released schema: upgraded whole, and refused by every older program."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerTooNew
from billing.model import SubscriptionKey
from db import SqliteLedger
from db.sqlite.schema import load_migrations, prepare, version_of

MIGRATIONS = load_migrations()
NEWEST = len(MIGRATIONS)
EVERY = range(1, NEWEST + 1)
ROWS = Path(__file__).with_name("earlier").joinpath("rows.sql").read_text("utf-8")
KEY = SubscriptionKey("stripe", "acct_1", "sub_1")
# Rows that a bot wrote as soon as a schema had a place for them.
LATER = {
    2: "INSERT INTO brakes VALUES (7, 5000, 5000, 90000, 6, 40, NULL)",
    4: "INSERT INTO disputes VALUES ('stripe', 'acct_1', 'dp_1', 'sub_2', 'lost')",
    11: "UPDATE prices SET setup_fee = 250",
    13: "UPDATE checkouts SET return_id = 'ret_2' WHERE id = 'ck_2'",
    14: "INSERT INTO free_days VALUES (7, 9, 71)",
    15: "INSERT INTO locales VALUES (8, 'de')",
}


def make_ledger(path: Path, schema: int) -> None:
    """As the programs up to that schema left it: each migrated what the one before had written."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for number in range(1, schema + 1):
            prepare(db, MIGRATIONS[:number])
            db.executescript(ROWS if number == 1 else LATER.get(number, ""))
        db.execute("VACUUM INTO ?", (str(path),))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")


def counts(path: Path) -> dict[str, int]:
    """Rows by table, and the file looked through."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables}  # noqa: S608 - our own names


async def holdings(path: Path) -> Sequence[object]:
    """All that the program reads of it, and that no schema changes."""
    async with await SqliteLedger.open(path) as ledger:
        subscriptions = await ledger.load_subscriptions_of(8)
        assert [found.binding.member_id for found in subscriptions if found.binding] == [8]
        paid, granted = await ledger.load_member_state(7, 8), await ledger.load_member_state(7, 9)
        assert {71, 72} == set(paid.granted)
        assert await ledger.load_granting(9) == [7]
        return (
            await ledger.load_plans(7),
            subscriptions,
            await ledger.load_subscription(SubscriptionKey("stripe", "acct_1", "sub_2")),
            paid,
            granted,
            await ledger.load_overrides(7, 9, 6000),
            await ledger.load_intents_of(KEY),
            await ledger.load_pending_events(9000, 9),
            [mark.member_id for mark in await ledger.load_queued_members(9000, 9)],
            await ledger.load_notices(9000, 9),
            await ledger.load_history(7, 8, 9),
            await ledger.load_guild_settings(7),
            await ledger.load_checkout("ck_1"),
            await ledger.load_to_look_up("stripe", "acct_1", 0, "", 9),
            await ledger.load_value("commands"),
        )


@pytest.mark.parametrize("schema", EVERY)
async def test_a_ledger_of_every_schema_is_upgraded_without_losing_a_row(tmp_path: Path, schema: int) -> None:
    path, newest = tmp_path / "ledger.db", tmp_path / "newest.db"
    make_ledger(path, schema)
    make_ledger(newest, NEWEST)
    with closing(sqlite3.connect(newest)) as db, db:  # those of schemas that this ledger never had
        for number in range(schema + 1, NEWEST + 1):
            undo = {11: "UPDATE prices SET setup_fee = 0", 13: "UPDATE checkouts SET return_id = NULL"}
            db.execute(undo.get(number, "SELECT 1"))
    before = counts(path)
    assert await holdings(path) == await holdings(newest)
    after = counts(path)
    assert {name: after[name] for name in before if name != "named_values"} == {
        name: n for name, n in before.items() if name != "named_values"
    }
    if schema < NEWEST:
        copy = tmp_path / f"ledger.db.schema-{schema}"
        assert counts(copy) == before
        with closing(sqlite3.connect(copy)) as db:
            assert version_of(db) == schema


@pytest.mark.parametrize("older", range(1, NEWEST))
def test_every_older_program_refuses_the_newest_ledger_and_reads_the_copy_of_its_own(
    tmp_path: Path, older: int
) -> None:
    path = tmp_path / "ledger.db"
    make_ledger(path, older)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        prepare(db, MIGRATIONS)
    before = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as db, pytest.raises(LedgerTooNew):
        prepare(db, MIGRATIONS[:older])
    assert path.read_bytes() == before
    with closing(sqlite3.connect(f"{path}.schema-{older}", isolation_level=None)) as db:
        prepare(db, MIGRATIONS[:older])
        assert db.execute("SELECT count(*) FROM subscriptions").fetchone() == (2,)
