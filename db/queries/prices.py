"""Queries for prices, and for the plans and servers that sell them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from billing.model import Plan, Price
from billing.ports import PriceConflict
from db.queries.panels import outdate_panels_of
from db.queries.plans import load_plans_by_id
from db.queries.rows import PRICE, price, price_row, to_json

# `prices` there is a list of provider, account, price and product.
_WANTED = """
    SELECT json_extract(value, '$[0]') AS provider, json_extract(value, '$[1]') AS account,
        json_extract(value, '$[2]') AS price_id, json_extract(value, '$[3]') AS product_id
    FROM json_each(:prices)
"""
_BY_PRICE = """plan_prices AS named ON named.provider = wanted.provider
    AND named.account = wanted.account AND named.price_id = wanted.price_id"""
_BY_PRODUCT = """prices ON prices.provider = wanted.provider AND prices.account = wanted.account
    AND prices.product_id = wanted.product_id
    CROSS JOIN plan_prices AS named ON named.provider = prices.provider
    AND named.account = prices.account AND named.price_id = prices.id"""
_NAMING = f"""
    WITH wanted AS ({_WANTED})
    SELECT plan_id FROM wanted CROSS JOIN {_BY_PRICE} AND plan_id > :after
    UNION SELECT plan_id FROM wanted CROSS JOIN {_BY_PRODUCT} AND plan_id > :after
    ORDER BY plan_id LIMIT :limit
"""
_SOLD = f"""
    WITH wanted AS ({_WANTED})
    SELECT wanted.provider, wanted.account, wanted.price_id FROM wanted CROSS JOIN {_BY_PRICE}
    UNION SELECT wanted.provider, wanted.account, wanted.price_id FROM wanted CROSS JOIN {_BY_PRODUCT}
"""
_NAMED = """EXISTS (SELECT 1 FROM plan_prices AS named WHERE named.provider = prices.provider
    AND named.account = prices.account AND price_id = prices.id)"""
_ON_SALE = """EXISTS (
    SELECT 1 FROM plan_prices AS named JOIN plans ON plans.id = plan_id
    WHERE named.provider = prices.provider AND named.account = prices.account AND price_id = prices.id
        AND on_sale AND removed_at IS NULL)"""
_PRICED_AT = """ AND EXISTS (SELECT 1 FROM plan_prices AS named WHERE plan_id = plans.id
    AND named.provider = ? AND named.account = ?)"""

# A conflict is over once one of the two plans is removed, or the younger one sells another price there.
_CONFLICTS = """
    SELECT lost.provider, lost.price_id, younger.name, older.name FROM plans AS younger
    CROSS JOIN price_conflicts AS lost ON lost.plan_id = younger.id
    CROSS JOIN plan_prices AS kept ON kept.guild_id = younger.guild_id AND kept.provider = lost.provider
        AND kept.account = lost.account AND kept.price_id = lost.price_id
    CROSS JOIN plans AS older ON older.id = kept.plan_id
    WHERE younger.guild_id = ? AND younger.removed_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM plan_prices AS own
        WHERE own.plan_id = younger.id AND own.provider = lost.provider AND own.on_sale)
    ORDER BY younger.id LIMIT ?
"""


def load_price_conflicts(db: sqlite3.Connection, guild_id: int, limit: int) -> list[PriceConflict]:
    return [PriceConflict(*row) for row in db.execute(_CONFLICTS, (guild_id, limit))]


def load_plans_of(db: sqlite3.Connection, prices: Collection[Price], after: int, limit: int) -> list[Plan]:
    asked = {"prices": _identities(prices), "after": after, "limit": limit}
    return load_plans_by_id(db, [plan_id for (plan_id,) in db.execute(_NAMING, asked)])


def load_sold(db: sqlite3.Connection, prices: Collection[Price]) -> set[tuple[str, str, str]]:
    return set(db.execute(_SOLD, (_identities(prices),)).fetchall())


def _identities(prices: Collection[Price]) -> str:
    return to_json([(*p.key, p.product_id) for p in prices])


def load_sellers(
    db: sqlite3.Connection,
    after: int,
    limit: int,
    at: tuple[str, str] | None = None,
    *,
    removed: bool = True,
) -> list[int]:
    which = ("" if removed else " AND removed_at IS NULL") + ("" if at is None else _PRICED_AT)
    rows = db.execute(
        f"SELECT DISTINCT guild_id FROM plans WHERE guild_id > ?{which} ORDER BY guild_id LIMIT ?",
        (after, *(at or ()), limit),
    )
    return [guild_id for (guild_id,) in rows]


def load_price(db: sqlite3.Connection, key: tuple[str, str, str]) -> Price | None:
    row = db.execute(
        f"SELECT {PRICE} FROM prices WHERE provider = ? AND account = ? AND id = ? AND {_NAMED}", key
    ).fetchone()
    return None if row is None else price(tuple(row))


def load_product_prices(
    db: sqlite3.Connection, provider: str, account: str, product_id: str, after: str, limit: int
) -> list[Price]:
    rows = db.execute(
        f"SELECT {PRICE} FROM prices WHERE provider = ? AND account = ? AND product_id = ? AND id > ?"
        f" AND {_NAMED} ORDER BY id LIMIT ?",
        (provider, account, product_id, after, limit),
    )
    return [price(tuple(row)) for row in rows]


def load_prices_on_sale(
    db: sqlite3.Connection, provider: str, account: str, after: str, limit: int
) -> list[Price]:
    rows = db.execute(
        f"SELECT {PRICE} FROM prices WHERE provider = ? AND account = ? AND id > ? AND {_ON_SALE}"
        " ORDER BY id LIMIT ?",
        (provider, account, after, limit),
    )
    return [price(tuple(row)) for row in rows]


def record_price(db: sqlite3.Connection, what: Price) -> None:
    if load_price(db, what.key) == what:
        return
    columns = ", ".join(f"{column} = ?" for column in PRICE.split(", ")[3:])
    db.execute(
        f"UPDATE prices SET {columns} WHERE provider = ? AND account = ? AND id = ?",
        (*price_row(what)[3:], *what.key),
    )
    outdate_panels_of(db, what)
