"""Ledgers of earlier versions, in which two plans of a server could have the same price."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from billing.errors import Conflict
from billing.ports import PriceConflict
from db.queries.plans import load_plans, record_plan
from db.queries.prices import load_price_conflicts
from db.sqlite.schema import load_migrations, prepare
from tests.contract.ledger.nouns import GUILD, OTHER_GUILD, plan, price

MIGRATIONS = load_migrations()
(BEFORE,) = (n for n, text in enumerate(MIGRATIONS) if "CREATE TABLE price_conflicts" in text)
PLAN = (
    "INSERT INTO plans (id, guild_id, name, folded_name, role_ids, description, hidden, removed_at)"
    " VALUES (?, ?, ?, ?, '[71]', '', 0, ?)"
)
NAMED = (
    "INSERT INTO plan_prices (plan_id, position, provider, account, price_id, on_sale)"
    " VALUES (?, ?, 'stripe', 'acct', ?, ?)"
)
PRICE = (
    "INSERT INTO prices (provider, account, id, product_id, amount, currency, interval, interval_count,"
    " trial_days, active) VALUES ('stripe', 'acct', ?, 'prod_1', 500, 'eur', 'month', 1, 0, 1)"
)


@pytest.fixture
def db() -> sqlite3.Connection:
    """A migrated ledger, in which Gold and Silver had the same price on sale."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db, MIGRATIONS[:BEFORE])
    plans = [
        (1, GUILD, "Gone", 5),
        (2, GUILD, "Gold", None),
        (3, GUILD, "Silver", None),
        (4, OTHER_GUILD, "There", None),
    ]
    db.executemany(PLAN, [(id_, guild, name, name.lower(), at) for id_, guild, name, at in plans])
    db.executemany(PRICE, [(f"price_{n}",) for n in (1, 2, 3)])
    named = [(1, 0, 1, 1), (2, 0, 1, 1), (2, 1, 2, 0), (2, 2, 2, 0), (3, 0, 1, 1), (3, 1, 3, 0), (4, 0, 1, 1)]
    db.executemany(NAMED, [(plan_id, n, f"price_{id_}", sale) for plan_id, n, id_, sale in named])
    prepare(db, MIGRATIONS)
    return db


def test_the_older_plan_keeps_a_price_that_two_had(db: sqlite3.Connection) -> None:
    prices = {
        p.name: ([x.id for x in p.prices], [x.id for x in p.former_prices])
        for guild_id in (GUILD, OTHER_GUILD)
        for p in load_plans(db, guild_id, removed=True)
    }
    assert prices == {
        "Gone": (["price_1"], []),
        "Gold": (["price_1"], ["price_2"]),
        "Silver": ([], ["price_3"]),
        "There": (["price_1"], []),
    }
    assert load_price_conflicts(db, GUILD, 9) == [PriceConflict("stripe", "price_1", "Silver", "Gold")]
    assert load_price_conflicts(db, OTHER_GUILD, 9) == []
    with pytest.raises(Conflict, match=r"error.price_taken plan=Gold"):
        record_plan(db, plan("Bronze"), "1", 10)


@pytest.mark.parametrize("change", ["another price", "younger removed", "older removed"])
def test_a_price_conflict_is_over_once_an_admin_has_acted(db: sqlite3.Connection, change: str) -> None:
    _, gold, silver = load_plans(db, GUILD, removed=True)
    if change == "another price":
        record_plan(db, replace(silver, prices=(price("price_4"),)), "1", 10)
    else:
        record_plan(db, replace(gold if change == "older removed" else silver, removed_at=10), "1", 10)
    assert load_price_conflicts(db, GUILD, 9) == []


def test_a_plan_that_lost_its_price_can_still_be_edited(db: sqlite3.Connection) -> None:
    silver = load_plans(db, GUILD)[1]
    assert record_plan(db, replace(silver, description="More"), "1", 10).prices == ()
    assert len(load_price_conflicts(db, GUILD, 9)) == 1
