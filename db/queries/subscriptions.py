"""Queries for subscriptions, their owners, and the checkouts that led to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple

from billing.model import (
    Binding,
    Change,
    Checkout,
    Item,
    Subscription,
    SubscriptionKey,
)
from billing.ports import RecordedSubscription, UnboundSale
from db.queries.rows import (
    CHECKOUT,
    SUBSCRIPTION,
    add_changes,
    key_row,
    marks,
    sold,
    sold_prices,
    subscription,
    subscription_row,
    to_json,
)

_THE_ONE = "provider = ? AND account = ? AND id = ?"
_INSERT = f"INSERT INTO subscriptions ({SUBSCRIPTION}, sale) VALUES ({marks(SUBSCRIPTION)}, ?)"
_PUT_CHECKOUT = f"INSERT OR REPLACE INTO checkouts ({CHECKOUT}) VALUES ({marks(CHECKOUT)})"

# True unless the page's subscription is recorded and past its first payment.
_UNFINISHED = (
    "NOT EXISTS (SELECT 1 FROM subscriptions AS s WHERE s.provider = c.provider AND s.account = c.account"
    " AND s.id = c.subscription_id AND s.status <> 'pending')"
)

# The sales of a server, few even with many members. Reads only the index, no row of a subscription.
SOLD = """
    SELECT id, sold FROM sales WHERE id IN (
        SELECT sale FROM subscriptions INDEXED BY subscriptions_rights WHERE guild_id = ?)
"""
_NEXT_HOME = """
    SELECT provider, account FROM subscriptions WHERE (provider, account) > (?, ?)
    ORDER BY provider, account LIMIT 1
"""
_PAYING = """
    SELECT provider, account, id FROM subscriptions INDEXED BY subscriptions_rights
    WHERE guild_id = ? AND sale IN (SELECT value FROM json_each(?))
        AND status <> 'ended' LIMIT ?
"""
_UNBOUND = "provider = ? AND account = ? AND member_id IS NULL AND status <> 'ended' AND status <> 'pending'"
_KNOWN = f"""
    SELECT row, EXISTS (SELECT 1 FROM overrides AS o WHERE o.guild_id = s.guild_id
        AND o.member_id = s.member_id AND o.lifted_at IS NULL), {SUBSCRIPTION}
    FROM subscriptions AS s WHERE provider = ? AND account = ? AND id IN (SELECT value FROM json_each(?))
"""


def put(db: sqlite3.Connection, old: Subscription | None, new: Subscription) -> None:
    """Insert or update a subscription; `old` is its recorded state.

    Only changed columns are written, because naming a column in an UPDATE rewrites all its indexes even if
    its value is the same.
    """
    if old is None:
        db.execute(_INSERT, (*subscription_row(new), sale_of(db, new.items)))
        return
    pairs = zip(SUBSCRIPTION.split(", "), subscription_row(old), subscription_row(new), strict=True)
    changed = {column: value for column, before, value in pairs if value != before}
    if sold(old.items) != sold(new.items):
        changed["sale"] = sale_of(db, new.items)
    updates = ", ".join(f"{column} = ?" for column in changed)
    db.execute(f"UPDATE subscriptions SET {updates} WHERE {_THE_ONE}", (*changed.values(), *key_row(new.key)))


def sale_of(db: sqlite3.Connection, items: Iterable[Item]) -> int:
    """Return the id of the `sales` row for these items, and insert the row if it is missing."""
    what = (sold(items),)
    db.execute("INSERT INTO sales (sold) VALUES (?) ON CONFLICT (sold) DO NOTHING", what)
    return int(db.execute("SELECT id FROM sales WHERE sold = ?", what).fetchone()[0])


MANAGED = "given the provider's page"


def subject_of(key: SubscriptionKey) -> str:
    return f"{key.provider} subscription {key.id}"


def load_subscription(db: sqlite3.Connection, key: SubscriptionKey) -> Subscription | None:
    row = db.execute(f"SELECT {SUBSCRIPTION} FROM subscriptions WHERE {_THE_ONE}", key_row(key)).fetchone()
    return subscription(row) if row else None


def load_subscriptions_of(db: sqlite3.Connection, member_id: int) -> list[Subscription]:
    rows = db.execute(
        f"SELECT {SUBSCRIPTION} FROM subscriptions WHERE member_id = ? ORDER BY created_at DESC, row DESC",
        (member_id,),
    )
    return [subscription(row) for row in rows]


def load_members_subscriptions(
    db: sqlite3.Connection, guild_id: int, after: int, limit: int
) -> list[Subscription]:
    rows = db.execute(
        f"SELECT {SUBSCRIPTION} FROM subscriptions WHERE guild_id = :guild AND member_id IN ("
        "SELECT DISTINCT member_id FROM subscriptions WHERE guild_id = :guild AND member_id > :after"
        " ORDER BY member_id LIMIT :limit) ORDER BY member_id",
        {"guild": guild_id, "after": after, "limit": limit},
    )
    return [subscription(row) for row in rows]


def load_customer_subscriptions(
    db: sqlite3.Connection, provider: str, account: str, customer_id: str
) -> list[SubscriptionKey]:
    rows = db.execute(
        "SELECT provider, account, id FROM subscriptions WHERE customer_id = ? AND provider = ?"
        " AND account = ? ORDER BY row",
        (customer_id, provider, account),
    )
    return [SubscriptionKey(*row) for row in rows]


def load_unbound(
    db: sqlite3.Connection, provider: str, account: str, sales: Collection[int], after: int, limit: int
) -> list[tuple[int, Subscription]]:
    rows = db.execute(
        f"SELECT row, {SUBSCRIPTION} FROM subscriptions INDEXED BY subscriptions_unbound"
        f" WHERE {_UNBOUND} AND row > ? AND sale IN (SELECT value FROM json_each(?)) ORDER BY row LIMIT ?",
        (provider, account, after, to_json(list(sales)), limit),
    )
    return [(number, subscription(tuple(row))) for number, *row in rows]


def load_unbound_sales(
    db: sqlite3.Connection, provider: str, account: str, after: int, limit: int
) -> list[UnboundSale]:
    rows = db.execute(
        "SELECT sale, (SELECT sold FROM sales WHERE sales.id = s.sale), count(*)"
        f" FROM subscriptions AS s INDEXED BY subscriptions_unbound WHERE {_UNBOUND} AND sale > ?"
        " GROUP BY sale ORDER BY sale LIMIT ?",
        (provider, account, after, limit),
    )
    return [UnboundSale(sale, tuple(sold_prices(sold)), many) for sale, sold, many in rows]


def load_known(
    db: sqlite3.Connection, provider: str, account: str, ids: Sequence[str]
) -> list[RecordedSubscription]:
    rows = db.execute(_KNOWN, (provider, account, to_json(ids)))
    return [
        RecordedSubscription(number, subscription(tuple(row)), bool(overruled))
        for number, overruled, *row in rows
    ]


def load_living(
    db: sqlite3.Connection, provider: str, account: str, after: int, limit: int
) -> list[tuple[int, SubscriptionKey]]:
    rows = db.execute(
        "SELECT row, provider, account, id FROM subscriptions NOT INDEXED"
        " WHERE row > ? AND provider = ? AND account = ? AND status <> 'ended' ORDER BY row LIMIT ?",
        (after, provider, account, limit),
    )
    return [(number, SubscriptionKey(*key)) for number, *key in rows]


def load_to_look_up(
    db: sqlite3.Connection, provider: str, account: str, opened_after: int, after: str, limit: int
) -> list[str]:
    rows = db.execute(
        "SELECT id FROM subscriptions WHERE provider = :provider AND account = :account AND id > :after"
        " AND status <> 'ended'"
        " UNION SELECT session_id FROM checkouts WHERE provider = :provider AND account = :account"
        " AND subscription_id IS NULL AND session_id > :after AND created_at > :opened"
        " ORDER BY 1 LIMIT :limit",
        {"provider": provider, "account": account, "opened": opened_after, "after": after, "limit": limit},
    )
    return [row[0] for row in rows]


def load_paying(
    db: sqlite3.Connection, guild_id: int, price: tuple[str, str, str], limit: int
) -> list[SubscriptionKey]:
    sales = [
        sale
        for sale, what in db.execute(SOLD, (guild_id,))
        if any(one.key == price for one in sold_prices(what))
    ]
    return [SubscriptionKey(*row) for row in db.execute(_PAYING, (guild_id, to_json(sales), limit))]


def load_homes(db: sqlite3.Connection, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
    """Load up to `limit` pairs of provider and account that have subscriptions and follow `after`.

    Steps through the index from one account to the next, without reading the subscriptions in between.
    """
    found: list[tuple[str, str]] = []
    while len(found) < limit and (home := db.execute(_NEXT_HOME, (found or [after])[-1]).fetchone()):
        found.append(tuple(home))
    return found


def load_running(
    db: sqlite3.Connection, guild_id: int, home: tuple[str, str], after: int, limit: int
) -> list[tuple[int, SubscriptionKey, int]]:
    rows = db.execute(
        "SELECT row, provider, account, id, member_id FROM subscriptions INDEXED BY subscriptions_rights"
        " WHERE guild_id = ? AND status <> 'ended' AND provider = ? AND account = ? AND row > ?"
        " ORDER BY row LIMIT ?",
        (guild_id, *home, after, limit),
    )
    return [(number, SubscriptionKey(*key), member) for number, *key, member in rows]


def record_managed(db: sqlite3.Connection, key: SubscriptionKey, member_id: int, at: int) -> None:
    sub = load_subscription(db, key)
    whose = sub.binding if sub is not None else None
    if whose is None or whose.member_id != member_id or key in load_managed(db, whose.guild_id, member_id):
        return
    who, subject = str(member_id), subject_of(key)
    add_changes(db, [Change(at, whose.guild_id, member_id, subject, who, MANAGED, "link", "", "")])


def load_managed(db: sqlite3.Connection, guild_id: int, member_id: int) -> list[SubscriptionKey]:
    rows = db.execute(
        "SELECT provider, account, id FROM subscriptions AS s WHERE guild_id = ? AND member_id = ?"
        " AND EXISTS (SELECT 1 FROM history AS h WHERE h.guild_id = s.guild_id AND h.member_id = s.member_id"
        " AND h.why = ? AND h.subject = s.provider || ' subscription ' || s.id)",
        (guild_id, member_id, MANAGED),
    )
    return [SubscriptionKey(*row) for row in rows]


def tie(db: sqlite3.Connection, sub: Subscription, binding: Binding, at: int) -> None:
    """Record which member a customer belongs to, unless the customer belongs to another member already."""
    db.execute(
        "INSERT INTO customers (provider, account, id, member_id, tied_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (provider, account, id) DO UPDATE SET tied_at = excluded.tied_at"
        " WHERE member_id = excluded.member_id",
        (sub.key.provider, sub.key.account, sub.customer_id, binding.member_id, at),
    )


def note_free_days(db: sqlite3.Connection, binding: Binding, role_ids: Iterable[int]) -> None:
    """Record that the member has had trial days for these roles, so that they get no further ones."""
    db.executemany(
        "INSERT INTO free_days (guild_id, member_id, role_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(binding.guild_id, binding.member_id, role_id) for role_id in role_ids],
    )


def load_free_days(db: sqlite3.Connection, guild_id: int, member_id: int) -> frozenset[int]:
    rows = db.execute(
        "SELECT role_id FROM free_days WHERE guild_id = ? AND member_id = ?", (guild_id, member_id)
    )
    return frozenset(row[0] for row in rows)


def record_checkout(db: sqlite3.Connection, checkout: Checkout) -> None:
    db.execute(_PUT_CHECKOUT, astuple(checkout))


def load_checkout(db: sqlite3.Connection, checkout_id: str) -> Checkout | None:
    row = db.execute(f"SELECT {CHECKOUT} FROM checkouts WHERE id = ?", (checkout_id,)).fetchone()
    return Checkout(*row) if row else None


def load_returned(db: sqlite3.Connection, return_ids: Sequence[str]) -> list[Checkout]:
    rows = db.execute(
        f"SELECT {CHECKOUT} FROM checkouts AS c WHERE return_id IN (SELECT value FROM json_each(?))"
        f" AND session_id IS NOT NULL AND {_UNFINISHED}",
        (to_json(return_ids),),
    )
    return [Checkout(*row) for row in rows]


def load_unfinished(db: sqlite3.Connection, member_id: int, opened_after: int, limit: int) -> list[Checkout]:
    rows = db.execute(
        f"SELECT {CHECKOUT} FROM checkouts AS c WHERE member_id = ? AND session_id IS NOT NULL"
        f" AND (created_at > ? OR subscription_id IS NOT NULL) AND {_UNFINISHED}"
        " ORDER BY created_at DESC LIMIT ?",
        (member_id, opened_after, limit),
    )
    return [Checkout(*row) for row in rows]


def load_open_checkouts(
    db: sqlite3.Connection,
    provider: str,
    account: str,
    guild_id: int,
    member_id: int | None,
    opened_after: int,
    after: str,
    limit: int,
) -> list[Checkout]:
    rows = db.execute(
        f"SELECT {CHECKOUT} FROM checkouts WHERE provider = ? AND account = ? AND created_at > ?"
        " AND subscription_id IS NULL AND session_id IS NOT NULL AND guild_id = ?"
        " AND member_id = ifnull(?, member_id) AND id > ? ORDER BY id LIMIT ?",
        (provider, account, opened_after, guild_id, member_id, after, limit),
    )
    return [Checkout(*row) for row in rows]
