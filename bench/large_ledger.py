"""Creates ledgers of any size quickly: real files of the newest schema, filled by SQLite itself.

One server sells three plans at two prices each. Nine in ten subscriptions are a member's newest, the tenth is
an older one that has ended; one member in ten thousand pays twice. A fixed hash spreads members, plans and
states, so that two ledgers of one size are identical, and neighbours in one index are far apart in the next.
Every entitled member has been granted their roles, and no work is pending.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from billing.model import Item, Plan, Price
from db.queries.plans import record_plan
from db.queries.rows import to_json
from db.queries.subscriptions import sale_of
from db.sqlite.schema import prepare_writer

GUILD = 100_000_000_000_000_001
ACCOUNT = "test"
NOW = 1_790_000_000  # unix seconds
DAY = 86_400
ROLES = ((201,), (202,), (203, 204))
MEMBER_STEP = 1_181_783_497_276  # between two Discord ids

# Of a hundred subscriptions: up to the number, the status, its provider's word, and what goes with it.
_STATUSES: tuple[tuple[int, str, str, dict[str, int]], ...] = (
    (70, "active", "active", {}),
    (72, "active", "active", {"ends_at": 9 * DAY}),
    (75, "trialing", "trialing", {"trial_end": 3 * DAY}),
    (79, "past_due", "past_due", {"unpaid_since": -DAY}),
    (81, "unpaid", "unpaid", {}),
    (100, "ended", "canceled", {"ended_at": -40 * DAY}),
)

_ENTITLED = 79

_HELPERS = """
    CREATE TEMP TABLE states (
        state INTEGER PRIMARY KEY, status, provider_status, ends_at, ended_at, trial_end, unpaid_since);
    CREATE TEMP TABLE kinds (kind INTEGER PRIMARY KEY, items, sale);
    CREATE TEMP TABLE gives (kind, role_id);
    CREATE TEMP TABLE drawn (i INTEGER PRIMARY KEY, h, state, kind, member_id);
"""
# Indexes of the large tables are built when these are full.
_LATER = """
    SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
    AND tbl_name IN ('subscriptions', 'members', 'role_grants')
"""
_DRAW = """
    WITH RECURSIVE counted (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i + 1 < :subscriptions),
        hashed AS (SELECT i, (i * 2654435761) % 4294967296 AS h FROM counted)
    INSERT INTO temp.drawn
    SELECT i, h, iif(i < :members OR h % 1000 = 0, h % 100, 99), h / 100 % 6,
        100000000000000000 + i * 1299709 % :members * :step
    FROM hashed
"""
_FILL = """
    INSERT INTO subscriptions (provider, account, id, customer_id, status, provider_status, items, created_at,
        period_start, period_end, ends_at, ended_at, trial_end, unpaid_since, dispute, guild_id, member_id,
        sale)
    SELECT 'stripe', :account, 'sub_1Big' || (1000000000000000 + i), 'cus_' || (10000000000000 + i),
        status, provider_status, items, :now - 400 * 86400 + h % 17000000, :now - h % 2500000,
        :now + 2600000 - h % 2500000, ends_at, ended_at, trial_end, unpaid_since, 'none', :guild, member_id,
        sale
    FROM temp.drawn JOIN temp.states USING (state) JOIN temp.kinds USING (kind)
"""
_GRANT = """
    INSERT OR IGNORE INTO role_grants SELECT :guild, member_id, role_id, :now - 600
    FROM temp.drawn JOIN temp.gives USING (kind) WHERE state < :entitled ORDER BY member_id
"""
_LOOK_AT = """
    INSERT INTO members (guild_id, member_id, version, checked_at, due_at)
    SELECT :guild, member_id, 1, :now - 600, min(ifnull(ends_at, unpaid_since + 7 * 86400))
    FROM temp.drawn JOIN temp.states USING (state) GROUP BY member_id
"""


@dataclass(frozen=True)
class Size:
    """The number of subscriptions and of members in a ledger."""

    subscriptions: int
    members: int

    @classmethod
    def of(cls, subscriptions: int) -> Size:
        """Return the size with nine members to ten subscriptions."""
        return cls(subscriptions, max(1, subscriptions * 9 // 10))


def price(number: int) -> Price:
    """Return one of a plan's two prices: an even number is billed monthly, an odd one yearly."""
    interval = "year" if number % 2 else "month"
    name = f"price_1Big{number:020d}"
    return Price("stripe", ACCOUNT, name, f"prod_Big{number // 2:010d}", 500, "eur", interval)


def member_id(number: int) -> int:
    """Return the Discord id of the ledger's member with that number, counted from 0."""
    return 100_000_000_000_000_000 + number * MEMBER_STEP


def make(path: Path, size: Size, now: int = NOW) -> None:
    """Write a ledger to a new file, in its state at `now` (unix seconds)."""
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    try:
        prepare_writer(db)
        db.executescript(
            "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "PRAGMA cache_size = -400000"
        )
        _make_helpers(db, now)
        db.execute("BEGIN")
        for number, roles in enumerate(ROLES):
            prices, former = (price(2 * number),), (price(2 * number + 1),)
            record_plan(db, Plan(0, GUILD, f"Plan {number}", roles, prices, former), "bench", now)
        _fill(db, size, now)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")
    finally:
        db.close()


def _fill(db: sqlite3.Connection, size: Size, now: int) -> None:
    later = db.execute(_LATER).fetchall()
    for name, _ in later:
        db.execute(f"DROP INDEX {name}")
    asked = {"guild": GUILD, "account": ACCOUNT, "now": now, "step": MEMBER_STEP, "entitled": _ENTITLED}
    asked |= {"subscriptions": size.subscriptions, "members": size.members}
    for statement in (_DRAW, "CREATE INDEX temp.drawn_member ON drawn (member_id)", _FILL, _GRANT, _LOOK_AT):
        db.execute(statement, asked)
    for _, sql in later:
        db.execute(sql)


def _make_helpers(db: sqlite3.Connection, now: int) -> None:
    db.executescript(_HELPERS)
    for state in range(100):
        _, status, said, facts = next(row for row in _STATUSES if state < row[0])
        times = [
            facts[name] + now if name in facts else None
            for name in ("ends_at", "ended_at", "trial_end", "unpaid_since")
        ]
        db.execute("INSERT INTO states VALUES (?, ?, ?, ?, ?, ?, ?)", (state, status, said, *times))
    for number in range(6):
        items = (Item(price(number)),)
        db.execute("INSERT INTO kinds VALUES (?, ?, ?)", (number, to_json(items), sale_of(db, items)))
        db.executemany("INSERT INTO gives VALUES (?, ?)", [(number, role) for role in ROLES[number // 2]])
