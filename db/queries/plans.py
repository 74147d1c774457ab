"""Queries for plans, their prices, and the settings of servers."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache

import orjson

from billing.errors import Conflict, NotFound
from billing.model import Binding, Change, GuildSettings, Plan, Price
from billing.model.sales_news import NewsKind
from billing.model.translatable_text import Text, Verbatim
from billing.provider_names import display_name
from db.queries.outbox import add_plan_event
from db.queries.panels import outdate_panel
from db.queries.reconcile_queue import enqueue
from db.queries.rows import PRICE, Row, add_changes, marks, price, price_row, sold_prices, to_json
from db.queries.subscriptions import SOLD

# Every member's roles are decided with all plans of their server, so that their number has a bound.
MOST_PLANS, MOST_PRICES = 500, 2_000  # in a server, with those removed or taken off sale

_PLAN = "id, guild_id, name, role_ids, description, hidden, trial_days, removed_at"
_PRICE_UPDATES = ", ".join(f"{c} = excluded.{c}" for c in PRICE.split(", ")[3:])
_PRICES_OF = f"""
    SELECT plan_id, on_sale, {", ".join(f"prices.{c}" for c in PRICE.split(", "))}
    FROM plan_prices JOIN prices
        ON prices.provider = plan_prices.provider AND prices.account = plan_prices.account
        AND prices.id = plan_prices.price_id
    WHERE plan_id IN (SELECT id FROM plans WHERE {{}}) ORDER BY plan_id, position
"""
_PRICE_ID = "provider, account, id"

_COUNT_PRICES = """
    SELECT count(*) FROM plan_prices WHERE plan_id IN (SELECT id FROM plans WHERE guild_id = ?)
"""
_TAKEN = """
    SELECT plans.name FROM plan_prices AS named JOIN plans ON plans.id = plan_id
    WHERE named.guild_id = ? AND provider = ? AND account = ? AND price_id = ? AND plan_id <> ?
"""
# Members who pay for one of these sales or have an override for the plan. Reads only the index, no row of a
# subscription.
_CONCERNED = """
    SELECT guild_id, member_id FROM subscriptions INDEXED BY subscriptions_rights
    WHERE guild_id = :guild AND sale IN (SELECT value FROM json_each(:sales))
    UNION SELECT guild_id, member_id FROM overrides
    WHERE guild_id = :guild AND lifted_at IS NULL AND (plan_id IS NULL OR plan_id = :plan)
"""

# A removed plan that is sold again becomes a new plan, to which revocations of the old one apply too.
_CARRY_BLOCKS = """
    INSERT INTO overrides (decision_id, guild_id, member_id, plan_id, kind, starts_at, until, reason,
        decided_by, created_at, subscriptions)
    SELECT DISTINCT decision_id, guild_id, member_id, :plan, kind, starts_at, until, reason, decided_by,
        created_at, subscriptions
    FROM overrides WHERE guild_id = :guild AND lifted_at IS NULL AND kind = 'block' AND plan_id IN (
        SELECT plans.id FROM plans JOIN plan_prices ON plan_prices.plan_id = plans.id
            JOIN prices ON prices.provider = plan_prices.provider AND prices.account = plan_prices.account
            AND prices.id = plan_prices.price_id
        WHERE plans.guild_id = :guild AND removed_at IS NOT NULL
            AND product_id IN (SELECT value FROM json_each(:products)))
"""


def record_plan(db: sqlite3.Connection, plan: Plan, who: str, at: int) -> Plan:
    old = load_plan(db, plan.id) if plan.id else None
    if plan.id and (old is None or old.guild_id != plan.guild_id):
        raise NotFound("There is no such plan in this server.")
    if plan.removed_at is None and _name_is_taken(db, plan):
        raise Conflict(Text("error.name_taken", plan=plan.name))
    plan = replace(plan, former_prices=_former(old, plan))
    _require_room(db, old, plan)
    if plan.removed_at is None:
        _require_free(db, plan)
    plan = _put(db, plan)
    if old is None:
        db.execute(_CARRY_BLOCKS, _asked(plan, _products(plan)))
    if old is None or _giving(old) != _giving(plan):
        enqueue(db, _concerned(db, old, plan), f"plan {plan.id}", at)
    change = Change(at, plan.guild_id, None, f"plan {plan.id}", who, "", "", _words(old), _words(plan))
    if change.before != change.after:
        add_changes(db, [change])
        add_plan_event(db, old, plan, who, at)
    outdate_panel(db, plan.guild_id, at)
    return plan


def _name_is_taken(db: sqlite3.Connection, plan: Plan) -> bool:
    return (
        db.execute(
            "SELECT 1 FROM plans WHERE guild_id = ? AND folded_name = ? AND removed_at IS NULL AND id <> ?",
            (plan.guild_id, plan.name.casefold(), plan.id),
        ).fetchone()
        is not None
    )


def _require_room(db: sqlite3.Connection, old: Plan | None, new: Plan) -> None:
    """Raise Conflict if the new plan or its new prices would exceed what one server may have."""
    plans = db.execute("SELECT count(*) FROM plans WHERE guild_id = ?", (new.guild_id,)).fetchone()[0]
    if old is None and plans >= MOST_PLANS:
        raise Conflict(Text("error.too_many_plans", most=MOST_PLANS))
    before = () if old is None else (*old.prices, *old.former_prices)
    added = len(new.prices) + len(new.former_prices) - len(before)
    if added > 0 and db.execute(_COUNT_PRICES, (new.guild_id,)).fetchone()[0] + added > MOST_PRICES:
        raise Conflict(Text("error.too_many_prices", most=MOST_PRICES))


def _require_free(db: sqlite3.Connection, plan: Plan) -> None:
    """Raise Conflict if another plan of the server sells, or once sold, one of this plan's prices."""
    for named in (*plan.prices, *plan.former_prices):
        if taken := db.execute(_TAKEN, (plan.guild_id, *named.key, plan.id)).fetchone():
            title, price_id = display_name(named.provider), Verbatim(named.id)
            raise Conflict(Text("error.price_taken", price=price_id, plan=taken[0], provider=title))


def _former(old: Plan | None, new: Plan) -> tuple[Price, ...]:
    """Return the plan's former prices, including those that this change takes off sale."""
    on_sale = {p.key for p in new.prices}
    given = (*new.former_prices, *(old.prices if old else ()))
    return tuple({p.key: p for p in given if p.key not in on_sale}.values())


def _put(db: sqlite3.Connection, plan: Plan) -> Plan:
    row = (
        plan.id or None,
        plan.guild_id,
        plan.name,
        to_json(plan.role_ids),
        plan.description,
        int(plan.hidden),
        plan.trial_days,
        plan.removed_at,
        plan.name.casefold(),
    )
    updates = ", ".join(f"{c} = excluded.{c}" for c in f"{_PLAN}, folded_name".split(", ")[2:])
    (plan_id,) = db.execute(
        f"INSERT INTO plans ({_PLAN}, folded_name) VALUES (?, {marks(_PLAN)})"
        f" ON CONFLICT (id) DO UPDATE SET {updates} RETURNING id",
        row,
    ).fetchone()
    _put_prices(db, plan_id, plan)
    return replace(plan, id=plan_id)


def _put_prices(db: sqlite3.Connection, plan_id: int, plan: Plan) -> None:
    both = (*plan.prices, *plan.former_prices)
    db.executemany(
        f"INSERT INTO prices ({PRICE}) VALUES ({marks(PRICE)})"
        f" ON CONFLICT ({_PRICE_ID}) DO UPDATE SET {_PRICE_UPDATES}",
        [price_row(p) for p in both],
    )
    db.execute("DELETE FROM plan_prices WHERE plan_id = ?", (plan_id,))
    guild_id = plan.guild_id if plan.removed_at is None else None
    db.executemany(
        "INSERT INTO plan_prices (plan_id, position, provider, account, price_id, on_sale, guild_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(plan_id, n, *p.key, int(n < len(plan.prices)), guild_id) for n, p in enumerate(both)],
    )


def _giving(plan: Plan) -> tuple[object, ...]:
    """Return the parts of a plan that decide who gets which roles, for comparison."""
    prices = frozenset((p.key, p.product_id) for p in (*plan.prices, *plan.former_prices))
    return (frozenset(plan.role_ids), prices, plan.removed_at is None)


def _concerned(db: sqlite3.Connection, old: Plan | None, new: Plan) -> Iterable[Binding]:
    products = _products(new) | (_products(old) if old else set())
    sales = [sale for sale, sold in db.execute(SOLD, (new.guild_id,)) if _names(sold, products)]
    asked = {"guild": new.guild_id, "plan": new.id, "sales": to_json(sales)}
    return [Binding(*row) for row in db.execute(_CONCERNED, asked)]


def _names(sold: str, products: set[str]) -> bool:
    return any(price.product_id in products for price in sold_prices(sold))


def _products(plan: Plan) -> set[str]:
    return {p.product_id for p in (*plan.prices, *plan.former_prices)}


def _asked(plan: Plan, products: set[str]) -> dict[str, object]:
    return {"guild": plan.guild_id, "plan": plan.id, "products": to_json(sorted(products))}


def _words(plan: Plan | None) -> str:
    if plan is None:
        return ""
    roles = "+".join(map(str, plan.role_ids))
    prices = "+".join(p.id for p in plan.prices)
    former = "+".join(p.id for p in plan.former_prices)
    facts = f"hidden={plan.hidden} trial_days={plan.trial_days} removed_at={plan.removed_at}"
    return f"name={plan.name!r} roles={roles} prices={prices} former={former} {facts}"


def load_plan(db: sqlite3.Connection, plan_id: int) -> Plan | None:
    return next(iter(_load(db, "id = ?", plan_id)), None)


def load_plans(db: sqlite3.Connection, guild_id: int, *, removed: bool = False) -> list[Plan]:
    return [plan for plan in _load(db, "guild_id = ?", guild_id) if removed or plan.removed_at is None]


def load_plans_by_id(db: sqlite3.Connection, ids: Collection[int]) -> list[Plan]:
    """Load the plans with these ids, in the order in which they were added."""
    return list(_load(db, "id IN (SELECT value FROM json_each(?))", to_json(list(ids))))


def load_plans_in(db: sqlite3.Connection, guild_ids: Collection[int]) -> list[Plan]:
    """The plans of these servers, removed ones included, in the order in which they were added."""
    return list(_load(db, "guild_id IN (SELECT value FROM json_each(?))", to_json(list(guild_ids))))


def _load(db: sqlite3.Connection, which: str, value: int | str) -> tuple[Plan, ...]:
    rows = db.execute(f"SELECT {_PLAN} FROM plans WHERE {which} ORDER BY id", (value,)).fetchall()
    priced = db.execute(_PRICES_OF.format(which), (value,)).fetchall()
    # Many servers' plans are read once, and would only push a server's own plans out of the cache.
    build = _plans if which == "guild_id = ?" else _plans.__wrapped__
    return build(tuple(rows), tuple(priced))


# Read with every member and rarely changed; building the objects each time took half of the read.
@lru_cache(maxsize=64)
def _plans(rows: tuple[Row, ...], priced: tuple[Row, ...]) -> tuple[Plan, ...]:
    """Build plans from rows with the columns of `_PLAN` and `_PRICES_OF`."""
    prices: defaultdict[tuple[int, int], list[Price]] = defaultdict(list)
    for plan_id, on_sale, *columns in priced:
        prices[plan_id, on_sale].append(price(tuple(columns)))
    return tuple(_plan(row, prices[row[0], 1], prices[row[0], 0]) for row in rows)


def _plan(row: Row, on_sale: Iterable[Price], former: Iterable[Price]) -> Plan:
    plan_id, guild_id, name, role_ids, description, hidden, trial_days, removed_at = row
    return Plan(
        plan_id,
        guild_id,
        name,
        tuple(orjson.loads(role_ids)),
        tuple(on_sale),
        tuple(former),
        description,
        bool(hidden),
        trial_days,
        removed_at,
    )


def load_guild_settings(db: sqlite3.Connection, guild_id: int) -> GuildSettings:
    row = db.execute(
        "SELECT guild_id, notice_channel_id, terms_url, privacy_url, plan_switching, sales_news"
        " FROM guild_settings WHERE guild_id = ?",
        (guild_id,),
    ).fetchone()
    if row is None:
        return GuildSettings(guild_id)
    news = tuple(kind for kind in NewsKind if kind in row[5].split(","))
    return GuildSettings(row[0], row[1], row[2], row[3], bool(row[4]), news)


def record_guild_settings(db: sqlite3.Connection, settings: GuildSettings, who: str, at: int) -> None:
    old = load_guild_settings(db, settings.guild_id)
    if old == settings:
        return
    db.execute(
        "INSERT OR REPLACE INTO guild_settings (guild_id, notice_channel_id, terms_url, privacy_url,"
        " plan_switching, sales_news) VALUES (?, ?, ?, ?, ?, ?)",
        (
            settings.guild_id,
            settings.notice_channel_id,
            settings.terms_url,
            settings.privacy_url,
            int(settings.plan_switching),
            ",".join(settings.sales_news),
        ),
    )
    words = (to_json(old), to_json(settings))
    add_changes(db, [Change(at, settings.guild_id, None, "settings", who, "", "", *words)])
