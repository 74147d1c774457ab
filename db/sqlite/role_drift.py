"""Finds the members of a server whose granted roles have drifted from their subscriptions.

The scan reads a slice of members at a time. For each role, SQLite returns two sorted texts: the ids of the
members entitled to it, and of those granted it. Where both texts are equal, nobody in the slice has drifted,
and Python never reads the single rows. A large server is scanned on a connection of its own, so that no other
query waits behind a slice. A million subscriptions take about half a second, a sixth of the time that EXCEPT
takes (docs/performance.md).

The SQL repeats the rules of `billing.rules.access`; a property test keeps the two in step. It ignores
overrides and roles that are only kept because a status is unknown, so it may name members whose roles are
correct, but it never misses one whose roles are not.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from billing.model import DisputeState, Plan
from billing.rules.access import TABLE, Access, plan_of
from db.queries.plans import load_plans
from db.queries.rows import sold_prices, to_json
from db.sqlite.group_commit import GroupCommitConnection
from db.sqlite.schema import prepare_scanner

# Members; about 3 ms of the scanner's thread, and none of the event loop. For lists of twice as many, malloc
# does not keep the memory for the next slice, which costs a tenth more.
SLICE = 5_000
_LAST = 2**63 - 1

_BARRED = (DisputeState.OPEN, DisputeState.LOST)
# Nearly all subscriptions have the first state, so SQLite compares them with no other.
_UNBARRED = tuple(state for state in DisputeState if state not in _BARRED)
_END = (
    "SELECT member_id FROM members WHERE guild_id = ? AND member_id > ? ORDER BY member_id LIMIT 1 OFFSET ?"
)
_RANGE = "guild_id = :guild AND member_id > :after AND member_id <= :upto"


def _statuses(access: Access) -> str:
    return ", ".join(sorted(f"'{status}'" for status, gives in TABLE.items() if gives is access))


def entitled(which: str) -> str:
    """SQL for the subscriptions among these that give access at `:at` with the grace period `:grace`."""
    return f"""
        FROM subscriptions INDEXED BY subscriptions_rights WHERE {which}
        AND CASE
            WHEN status IN ({_statuses(Access.FULL)})
                THEN ifnull(ends_at > :at, 1)
            WHEN status IN ({_statuses(Access.GRACE)})
                THEN unpaid_since + :grace > :at AND ifnull(ends_at > :at, 1)
            WHEN status IN ({_statuses(Access.PAID_THROUGH)}) THEN paid_through > :at
            ELSE 0 END
        AND dispute IN ({", ".join(f"'{state}'" for state in _UNBARRED)})
    """


_ENTITLED = entitled(_RANGE)
_SOLD = "(SELECT sold FROM sales WHERE id = sale)"
_OVERRULED = f"SELECT DISTINCT member_id FROM overrides WHERE {_RANGE} AND lifted_at IS NULL"
_OPEN = """
    SELECT value FROM json_each(:members) AS found WHERE NOT EXISTS (SELECT 1 FROM members
        WHERE guild_id = :guild AND member_id = found.value
            AND (parked IS NOT NULL OR next_try_at IS NOT NULL))
"""


@dataclass
class DriftScan:
    """The state of one scan of a server.

    `at`: unix seconds; `grace`: seconds. `roles_of`: the role ids that each sale gives, for the sales seen so
    far. `width`: id span of the last slice that was counted, 0 if unknown. `held`: length of that slice's
    lists of ids, in characters.
    """

    guild_id: int
    at: int
    grace: int
    plans: list[Plan]
    roles_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    width: int = 0
    held: int = 0

    @classmethod
    def begin(cls, db: sqlite3.Connection, guild_id: int, at: int, grace: int) -> DriftScan:
        """Start a scan with the server's current plans, including removed ones."""
        return cls(guild_id, at, grace, load_plans(db, guild_id, removed=True))


async def load_drifted_members(
    path: Path, reader: GroupCommitConnection, guild_id: int, at: int, grace: int, *, after: int, limit: int
) -> list[int]:
    """Load up to `limit` ids of the members whose granted roles have drifted from their subscriptions.

    They are ordered, and each is greater than `after`. `at`: unix seconds; `grace`: seconds. If the rest of
    the server fits into one slice, it is scanned by `reader`, otherwise on a new connection.
    """
    if await reader.run(_fits_a_slice, guild_id, after):
        return await _scan(reader, guild_id, at, grace, after, limit)
    scanner = await GroupCommitConnection.open(path, prepare_scanner, mode="ro")
    try:
        return await _scan(scanner, guild_id, at, grace, after, limit)
    finally:
        await scanner.close()


def _fits_a_slice(db: sqlite3.Connection, guild_id: int, after: int) -> bool:
    return db.execute(_END, (guild_id, after, SLICE)).fetchone() is None


async def _scan(
    connection: GroupCommitConnection, guild_id: int, at: int, grace: int, after: int | None, limit: int
) -> list[int]:
    look = await connection.run(DriftScan.begin, guild_id, at, grace)
    found: list[int] = []
    while after is not None and len(found) < limit:
        members, after = await connection.run(load_slice, look, after)
        found += sorted(members)
    return found[:limit]


def load_slice(db: sqlite3.Connection, look: DriftScan, after: int) -> tuple[set[int], int | None]:
    """Load the drifted members of the slice that begins after the id `after`.

    Returns their ids, and the last id of the slice, or None instead of that if there is no further slice.
    """
    end = _load_end(db, look, after)
    upto = end or _LAST
    asked = {"guild": look.guild_id, "after": after, "upto": upto, "at": look.at, "grace": look.grace}
    entitled, granted = _load_entitled(db, look, asked), _load_granted(db, look, asked)
    found = {row[0] for row in db.execute(_OVERRULED, asked)}
    if end and after:
        _learn_width(look, end - after, sum(map(len, (*entitled.values(), *granted.values()))))
    for role in entitled.keys() | granted.keys():
        found |= _apart(entitled[role], granted[role])
    if not found:
        return found, end
    waiting = {"guild": look.guild_id, "members": to_json(list(found))}
    return {row[0] for row in db.execute(_OPEN, waiting)}, end


def _load_end(db: sqlite3.Connection, look: DriftScan, after: int) -> int | None:
    """Return the id with which the slice ends, or None for the last slice.

    Counting members takes a tenth of a slice's time, so a counted width is used again as long as the ids are
    about equally dense.
    """
    if look.width:
        return after + look.width
    found = db.execute(_END, (look.guild_id, after, SLICE)).fetchone()
    return found[0] if found else None


def _learn_width(look: DriftScan, width: int, held: int) -> None:
    if not look.width:
        look.width, look.held = width, held
    elif not look.held < 2 * held < 4 * look.held:
        look.width = 0


def _apart(one: str, other: str) -> set[int]:
    """Return the ids that appear in only one of two comma-separated lists."""
    if one == other:
        return set()
    return {int(member) for member in set(one.split(",")) ^ set(other.split(",")) if member}


def _load_entitled(db: sqlite3.Connection, look: DriftScan, asked: dict[str, int]) -> defaultdict[int, str]:
    """Load the ids of the entitled members as comma-separated text, by role.

    If the slice contains sales that are new to the scan, learn their roles and read the slice again.
    """
    while True:
        kinds = _kinds(look)
        counted, *listed = db.execute(
            f"SELECT {', '.join(['count(*)', *map(_listing, kinds.values())])} {_ENTITLED}", asked
        ).fetchone()
        if counted == sum(map(_length, listed)):
            return _by_role(dict(zip(kinds, listed, strict=True)))
        _learn(db, look, asked)


def _kinds(look: DriftScan) -> dict[tuple[int, ...], list[int]]:
    """Group the known sales by the roles that they give."""
    kinds: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for sale, roles in look.roles_of.items():
        kinds[roles].append(sale)
    return kinds


def _listing(sales: Iterable[int]) -> str:
    return f"group_concat(member_id) FILTER (WHERE sale IN ({', '.join(map(str, sales))}))"


def _length(listed: str | None) -> int:
    return listed.count(",") + 1 if listed else 0


def _by_role(listed: dict[tuple[int, ...], str | None]) -> defaultdict[int, str]:
    found: defaultdict[int, str] = defaultdict(str)
    for roles, members in listed.items():
        for role in roles if members else ():
            found[role] = f"{found[role]},{members}" if found[role] else members or ""
    return found


def _learn(db: sqlite3.Connection, look: DriftScan, asked: dict[str, int]) -> None:
    """Add the roles of this slice's sales to `look.roles_of`.

    If nearly every subscription has a price of its own, forget earlier sales first, because they would only
    make the statement longer.
    """
    if len(look.roles_of) > SLICE:
        look.roles_of.clear()
    for sale, sold in db.execute(f"SELECT DISTINCT sale, {_SOLD} {_ENTITLED}", asked):
        plans = {plan_of(price, look.plans) for price in sold_prices(sold)}
        look.roles_of[sale] = tuple(sorted({role for plan in plans if plan for role in plan.role_ids}))


def _load_granted(db: sqlite3.Connection, look: DriftScan, asked: dict[str, int]) -> defaultdict[int, str]:
    """Load the ids of members as comma-separated text, by granted role.

    The key -1 lists members who were granted a role that belongs to no plan.
    """
    roles = sorted({role for plan in look.plans for role in plan.role_ids})
    listed = [f"group_concat(member_id) FILTER (WHERE role_id = {role})" for role in roles]
    counted, *found = db.execute(
        f"SELECT {', '.join(['count(*)', *listed])} FROM role_grants WHERE {_RANGE}", asked
    ).fetchone()
    granted = defaultdict(str, {role: members or "" for role, members in zip(roles, found, strict=True)})
    if counted != sum(map(_length, found)):
        others = f"role_id NOT IN ({', '.join(map(str, roles))})"
        rows = db.execute(f"SELECT member_id FROM role_grants WHERE {_RANGE} AND {others}", asked)
        granted[-1] = ",".join(str(row[0]) for row in rows)
    return granted
