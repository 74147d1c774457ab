"""Sales: the numbered combinations of prices. They follow the subscriptions, and a renewal costs nothing."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from billing.errors import LedgerError
from billing.model import Binding, Item
from db import SqliteLedger
from db.queries.rows import sold
from tests.contract.ledger.nouns import ANNA, BERT, GUILD, KEY, plan, price, settle, subscription, sync

SILVER = (Item(price("price_2", "prod_2")),)
RENEWED: dict[str, Any] = {"period_end": 200, "items": (Item(price(amount=700), 3),)}


def sales(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("SELECT sold, id FROM sales").fetchall())


def sale(db: sqlite3.Connection) -> object:
    return db.execute("SELECT sale FROM subscriptions WHERE id = ?", (KEY.id,)).fetchone()[0]


async def test_subscriptions_with_the_same_items_share_a_sale_number(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await sync(ledger, subscription())
    await sync(ledger, subscription("sub_2", items=(Item(price(amount=900), 2),)))
    await sync(ledger, subscription("sub_3", items=()))
    assert set(sales(beside)) == {sold(subscription().items), "[]"}
    assert sale(beside) == sales(beside)[sold(subscription().items)]


async def test_a_switched_price_is_compared_with_the_new_plans_roles(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await ledger.record_plan(plan("Gold", role_ids=(71,)), "1", 10)
    await ledger.record_plan(plan("Silver", role_ids=(72,), prices=(SILVER[0].price,)), "1", 10)
    for number, whose in (("sub_1", ANNA), ("sub_2", BERT)):
        await sync(ledger, subscription(number, binding=whose))
        await ledger.record_granting(GUILD, whose.member_id, 71, 10)
    await sync(ledger, subscription(items=SILVER))
    assert sale(beside) == sales(beside)[sold(SILVER)]
    await settle(ledger)
    for after in (Binding(0, 0), Binding(GUILD, 0)):
        assert await ledger.load_drifted_members(after, 20, 0, 9) == [ANNA]


async def test_a_plain_renewal_writes_to_no_index(ledger: SqliteLedger, beside: sqlite3.Connection) -> None:
    await sync(ledger, subscription(binding=ANNA, period_end=100))
    seen: list[str] = []
    await ledger._writer.run(lambda db: db.set_trace_callback(seen.append))
    await sync(ledger, subscription(**RENEWED))
    (update,) = [s for s in seen if s.startswith("UPDATE subscriptions")]
    steps = [row[1] for row in beside.execute(f"EXPLAIN {update}")]
    assert "Insert" in steps
    assert {"IdxInsert", "IdxDelete"}.isdisjoint(steps)


async def test_an_unknown_sale_number_raises_instead_of_being_searched_forever(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    await sync(ledger, subscription(binding=ANNA))
    beside.execute("DELETE FROM sales")
    with pytest.raises(LedgerError, match="JSONDecodeError"):
        await ledger.load_drifted_members(Binding(GUILD, 0), 20, 0, 9)
