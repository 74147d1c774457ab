"""Changing a plan concerns those who pay for it, and nobody else is read for it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from unittest.mock import Mock

import pytest

from billing.model import Binding, Item, Price
from db.queries import plans
from db.queries.rows import sold_prices
from db.queries.subscriptions import put
from db.sqlite.schema import load_migrations, prepare
from tests.contract.ledger.nouns import GUILD, OTHER_GUILD, plan, price, subscription

PAYING = 200  # members, for each of two other plans


def pay(db: sqlite3.Connection, member: int, *prices: Price, guild: int = GUILD) -> None:
    sub = subscription(f"sub_{guild}_{member}", items=tuple(map(Item, prices)))
    put(db, None, replace(sub, binding=Binding(guild, member)))


def test_a_changed_plan_reads_and_queues_only_its_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db, load_migrations())
    own, others = price("own"), (price("a", product_id="prod_a"), price("b", product_id="prod_b"))
    sold = plans.record_plan(db, plan(prices=(own,)), "1", 10)
    for member in range(2 * PAYING):
        pay(db, member, others[member % 2])
    pay(db, 901, own)
    pay(db, 902, others[0], price("older", product_id=own.product_id))
    pay(db, 903, own, guild=OTHER_GUILD)
    db.execute("UPDATE subscriptions SET items = 'not to be read'")
    parse = Mock(wraps=sold_prices)
    monkeypatch.setattr(plans, "sold_prices", parse)
    plans.record_plan(db, replace(sold, role_ids=(73,)), "1", 20)
    marked = db.execute("SELECT member_id FROM members WHERE next_try_at IS NOT NULL ORDER BY member_id")
    assert [member for (member,) in marked] == [901, 902]
    assert parse.call_count == 4  # kinds of what is sold here, however many pay
    db.close()
