"""No migration that owners may have run was edited, and the earlier texts of three lead to the same
schema."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerNoRoom
from billing.model import Item, Price
from db import SqliteLedger
from db.queries.rows import sold, to_json
from db.sqlite.schema import load_migrations, prepare, version_of
from i18n.plain import plain_words
from tests.contract.ledger.nouns import event

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "db" / "sqlite" / "migrations"
EARLIER = Path(__file__).with_name("earlier")
MIGRATIONS = load_migrations()
NUMBERS = (1, 5, 6)

# The hash of each released migration. A later migration repairs an earlier one; nobody edits it.
RELEASED = {
    "0001.sql": "7b51ced46554871d3df42440101ad648168c0fe420809a218579f758825622da",
    "0002.sql": "572a00366b0673485b547dd0ae0b1e39feb7f0ef34b0bc60364427c8e0838257",
    "0003.sql": "ce4938c953317890759a9ff168aa16e1a2294f6a3b7902bce115a102f27fcd9a",
    "0004.sql": "cab9165bdef8d88105b96c82826bc76617d69d226c9ba921910cc9310ac1d6d6",
    "0005.sql": "b737951e280b63bb1de69d65628d7ee12b34a8bb26831ef870a288b86ddb5b03",
    "0006.sql": "3f51702256a2df62a1967c27f9fa288f3e110d7f5bed439b751b1899fa54f9fc",
    "0007.sql": "d0752a5d398694198245414b318d90a1049cc807d36bb18f7e3de16f7fccb493",
    "0008.sql": "486feff1cb772aac094889b0dce3bdf1c11d3895f5d1a1af0a9d887d67f74394",
    "0009.sql": "414133822d2c34d0dcd83db2c062c1887ebf6b1b3f86b451de5d4be40702cbd8",
    "0010.sql": "38d613b4bb9eef0df38b8f75660d857b6859056be9549053df82fd1d62af069a",
    "0011.sql": "c31b5a7a29aec89b75921359831a7c484865ab9db25f3e3fa03dc8441ae0c3f3",
    "0012.sql": "3b331cd82d7310e1a1005b37f4e0768ecaf84c67eb09470acd39ff5868f65ae2",
    "0013.sql": "3398c3db793dfe262cb764b69e749c8462176becf8ac73e84857e32d5db84450",
    "0014.sql": "db9c1f91a04baf3e9e9519c1e71b846ee1fda46230a28cd80f365101d26ba931",
    "0015.sql": "ad8216dce226788484163478657b628dae6930ce7753795c6ec04286f59e7e69",
    "0016.sql": "2354bb3ee9aaddae84be942f4d249383a1a34a28462279734cbc5c4076c490fb",
    "0017.sql": "9a60b89bb4cdd2110db24f80669f1802d245ae30905835d312904ce15b6acd9e",
    "0018.sql": "5d752b6af3b54477b6443cc5a0986116b6eef615ecb965a906aaacc2fa4fc1c4",
}


def test_no_released_migration_is_edited() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.sql")}
    assert {name: found.get(name) for name in RELEASED} == RELEASED


def texts(earlier: tuple[int, ...]) -> list[str]:
    """All migrations, with these numbers in their original text."""
    return [
        (EARLIER / f"{number:04}.sql").read_text() if number in earlier else text
        for number, text in enumerate(MIGRATIONS, 1)
    ]


ITEMS = [Price("stripe", "test", f"price_{n}", f"prod_{n}", 500, "eur", "month") for n in (1, 2)]
SOLD = {
    "none of one": (Item(ITEMS[0], 0), Item(ITEMS[1])),
    "one": (Item(ITEMS[0]),),
    "two": (Item(ITEMS[0]), Item(ITEMS[1], 3)),
    "nothing": (Item(ITEMS[1], 0),),
    "the second": (Item(ITEMS[1]),),
}


def fill(db: sqlite3.Connection) -> None:
    """Insert rows as a program with schema 4 would have."""
    for name, items in SOLD.items():
        db.execute(
            "INSERT INTO subscriptions (provider, account, id, customer_id, status, provider_status,"
            " items, created_at, dispute, guild_id, member_id)"
            " VALUES ('stripe', 'test', ?, 'cus_1', 'active', 'active', ?, 1, 'none', 7, 8)",
            (name, to_json(items)),
        )
    db.execute(
        "INSERT INTO checkouts (id, provider, account, guild_id, member_id, plan_id, price_id, created_at)"
        " VALUES ('ours', 'stripe', 'test', 7, 8, 1, 'price_1', 1)"
    )
    db.execute("INSERT INTO history VALUES (NULL, 50, 7, 8, 'roles', 'x', 'y', 'z', '', '1')")


def all_of(db: sqlite3.Connection) -> tuple[list[object], dict[str, list[object]]]:
    """The schema and every row."""
    schema = db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
    tables = [name for kind, name, _ in schema if kind == "table"]
    rows = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in tables}  # noqa: S608 - our own names
    return schema, rows


@pytest.mark.parametrize("until", [4, 5, 6])
@pytest.mark.parametrize(
    "earlier", [some for many in range(4) for some in itertools.combinations(NUMBERS, many)]
)
def test_a_ledger_that_ran_an_earlier_text_has_the_same_schema_and_rows(
    earlier: tuple[int, ...], until: int
) -> None:
    made = []
    for migrations in (texts(earlier), MIGRATIONS):
        db = sqlite3.connect(":memory:", isolation_level=None)
        prepare(db, migrations[:4])
        fill(db)
        prepare(db, migrations[:until])
        prepare(db, MIGRATIONS)
        made.append(all_of(db))
        asked = "SELECT subscriptions.id, sold FROM subscriptions JOIN sales ON sales.id = sale"
        assert dict(db.execute(asked).fetchall()) == {name: sold(items) for name, items in SOLD.items()}
        assert db.execute("SELECT value FROM named_values WHERE name = 'written'").fetchone() == ("50",)
        db.close()
    assert made[0] == made[1]


async def test_a_copy_stays_beside_a_ledger_that_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        prepare(db, MIGRATIONS[:6])
        fill(db)
    async with await SqliteLedger.open(path) as ledger:
        await ledger.record_events([event("e1")], 10)
    copy = tmp_path / "ledger.db.schema-6"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as db:
        assert version_of(db) == 6
        assert db.execute("SELECT count(*) FROM subscriptions").fetchone() == (len(SOLD),)
        assert db.execute("SELECT count(*) FROM inbox").fetchone() == (0,)


async def test_a_migration_is_refused_where_a_copy_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        prepare(db, MIGRATIONS[:6])
        fill(db)
    before = path.read_bytes()
    size, free = path.stat().st_size, path.stat().st_size - 1
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda where: usage)
    with pytest.raises(LedgerNoRoom) as refused:
        await SqliteLedger.open(path)
    assert f"{free:,}" in plain_words(refused.value.user_message)
    assert f"{size:,}" in plain_words(refused.value.user_message)
    assert path.read_bytes() == before
    monkeypatch.undo()
    async with await SqliteLedger.open(path):
        pass


async def test_a_ledger_that_needs_no_migration_leaves_no_copy_and_needs_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    async with await SqliteLedger.open(path):
        pass
    monkeypatch.setattr(shutil, "disk_usage", lambda where: (0, 0, 0))
    async with await SqliteLedger.open(path):
        pass
    assert not list(tmp_path.glob("*.schema-*"))


def test_sentences_that_earlier_versions_kept_become_codes_and_unknown_ones_stay() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db, MIGRATIONS[:15])
    known = "The role was deleted. The server's admins set another one with /plans edit."
    for member, parked in enumerate((known, "Something else.", None)):
        db.execute(
            "INSERT INTO members (guild_id, member_id, version, parked) VALUES (7, ?, 1, ?)", (member, parked)
        )
    prepare(db, MIGRATIONS)
    found = db.execute("SELECT parked FROM members ORDER BY member_id").fetchall()
    assert found == [("error.role_gone",), ("Something else.",), (None,)]
    db.close()
