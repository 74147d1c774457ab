"""Whose granted roles are not what their subscriptions give, for a whole server without a row in Python.

A slice of members at a time, SQLite writes down the ids of those entitled to each role and of those granted
it, in order, as two texts; where they are equal, nobody in the slice is astray. A large server is walked by
two threads, each on a connection of its own, so that no other load waits behind a slice. A million
subscriptions take about half a second on one core so, six times less than EXCEPT (docs/performance.md).

The statement repeats the cases of `billing.rules.access`; a property test holds the two together. What it
leaves out (overrides, rights that are merely held) only makes it name more members than there are astray.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from billing.model import DisputeState, Plan
from billing.rules.access import TABLE, Access, plan_of
from db.queries.plans import load_plans
from db.queries.rows import sold_prices, to_json
from db.sqlite.group_commit import GroupCommitConnection
from db.sqlite.schema import prepare_scanner

# Members; about 3 ms of a walker's time, and none of the event loop's. Lists of twice as many are no longer
# kept by malloc for the next slice, which costs a tenth.
SLICE = 5_000
# So many walk a large server, and share so many stretches of it: ids lie more densely in some.
SCANNERS = 2
ID_RANGES = 16
_LAST = 2**63 - 1

_BARRED = (DisputeState.OPEN, DisputeState.LOST)
# Nearly all have the first of them, and are then compared with no other.
_UNBARRED = tuple(state for state in DisputeState if state not in _BARRED)
_END = (
    "SELECT member_id FROM members WHERE guild_id = ? AND member_id > ? ORDER BY member_id LIMIT 1 OFFSET ?"
)
# Both in one SELECT would look at every member.
_ENDS = """
    SELECT (SELECT min(member_id) FROM members WHERE guild_id = :guild),
        (SELECT max(member_id) FROM members WHERE guild_id = :guild)
"""
_RANGE = "guild_id = :guild AND member_id > :after AND member_id <= :upto"


def _statuses(access: Access) -> str:
    return ", ".join(sorted(f"'{status}'" for status, gives in TABLE.items() if gives is access))


_ENTITLED = f"""
    FROM subscriptions INDEXED BY subscriptions_rights WHERE {_RANGE}
    AND CASE
        WHEN status IN ({_statuses(Access.FULL)})
            THEN ifnull(ends_at > :at, 1)
        WHEN status IN ({_statuses(Access.GRACE)})
            THEN unpaid_since + :grace > :at AND ifnull(ends_at > :at, 1)
        WHEN status IN ({_statuses(Access.PAID_THROUGH)}) THEN paid_through > :at
        ELSE 0 END
    AND dispute IN ({", ".join(f"'{state}'" for state in _UNBARRED)})
"""
_SOLD = "(SELECT sold FROM sales WHERE id = sale)"
_OVERRULED = f"SELECT DISTINCT member_id FROM overrides WHERE {_RANGE} AND lifted_at IS NULL"
_OPEN = """
    SELECT value FROM json_each(:members) AS found WHERE NOT EXISTS (SELECT 1 FROM members
        WHERE guild_id = :guild AND member_id = found.value
            AND (parked IS NOT NULL OR next_try_at IS NOT NULL))
"""


@dataclass
class DriftScan:
    """One look through a server. `roles_of`: what each of `sales`, as far as it was met here, gives. `width`:
    how far the ids of a slice reach, once counted, and `held`, how much was listed then."""

    guild_id: int
    at: int
    grace: int
    plans: list[Plan]
    roles_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    width: int = 0
    held: int = 0

    @classmethod
    def begin(cls, db: sqlite3.Connection, guild_id: int, at: int, grace: int) -> DriftScan:
        """With the plans as they are now."""
        return cls(guild_id, at, grace, load_plans(db, guild_id, removed=True))


IdRange = tuple[int, int]


async def load_drifted_members(
    path: Path, reader: GroupCommitConnection, guild_id: int, at: int, grace: int
) -> list[int]:
    """Who is to be looked at in a server; by `reader` itself where it is small."""
    stretches = iter(await reader.run(partial(load_id_ranges, guild_id=guild_id)))
    first = next(stretches)
    if first[1] == _LAST:
        return await _scan(reader, iter([first]), guild_id, at, grace)
    rest = itertools.chain([first], stretches)
    done = await asyncio.gather(
        *(_scan_beside(path, rest, guild_id, at, grace) for _ in range(SCANNERS)), return_exceptions=True
    )
    found: list[int] = []
    for part in done:
        if isinstance(part, BaseException):
            raise part
        found += part
    return found


def load_id_ranges(db: sqlite3.Connection, guild_id: int) -> list[IdRange]:
    """Beyond which id and up to which; one where a slice holds all."""
    if db.execute(_END, (guild_id, 0, SLICE)).fetchone() is None:
        return [(0, _LAST)]
    low, high = db.execute(_ENDS, {"guild": guild_id}).fetchone()
    cuts = [low + (high - low) * part // ID_RANGES for part in range(1, ID_RANGES)]
    return list(itertools.pairwise([0, *cuts, _LAST]))


async def _scan_beside(
    path: Path, stretches: Iterator[IdRange], guild_id: int, at: int, grace: int
) -> list[int]:
    lane = await GroupCommitConnection.open(path, prepare_scanner, mode="ro")
    try:
        return await _scan(lane, stretches, guild_id, at, grace)
    finally:
        await lane.close()


async def _scan(
    lane: GroupCommitConnection, stretches: Iterator[IdRange], guild_id: int, at: int, grace: int
) -> list[int]:
    """Each takes the next stretch once it is through with one."""
    look = await lane.run(partial(DriftScan.begin, guild_id=guild_id, at=at, grace=grace))
    found: list[int] = []
    for begin, last in stretches:
        after: int | None = begin
        while after is not None:
            members, after = await lane.run(partial(load_slice, look=look, after=after, last=last))
            found += members
    return found


def load_slice(
    db: sqlite3.Connection, look: DriftScan, after: int, last: int = _LAST
) -> tuple[set[int], int | None]:
    """Who is to be looked at among the members beyond `after`, and where the next slice begins; None after
    that which ends with `last`."""
    end = _load_end(db, look, after)
    end = end if end is not None and end < last else None
    upto = end or last
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
    """The last member of the slice; None where it is the last slice. Counting to it takes a tenth of the time
    of a slice, so a width that was counted serves again while ids lie about as densely."""
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
    """The ids that stand in one of the two lists only."""
    if one == other:
        return set()
    return {int(member) for member in set(one.split(",")) ^ set(other.split(",")) if member}


def _load_entitled(db: sqlite3.Connection, look: DriftScan, asked: dict[str, int]) -> defaultdict[int, str]:
    """The members' ids by role. What is met for the first time is learned, and the slice read again."""
    while True:
        kinds = _kinds(look)
        counted, *listed = db.execute(
            f"SELECT {', '.join(['count(*)', *map(_listing, kinds.values())])} {_ENTITLED}", asked
        ).fetchone()
        if counted == sum(map(_length, listed)):
            return _by_role(dict(zip(kinds, listed, strict=True)))
        _learn(db, look, asked)


def _kinds(look: DriftScan) -> dict[tuple[int, ...], list[int]]:
    """Things sold that give the same roles, together."""
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
    """Where nearly every subscription has a price of its own, what earlier slices taught is only a burden."""
    if len(look.roles_of) > SLICE:
        look.roles_of.clear()
    for sale, sold in db.execute(f"SELECT DISTINCT sale, {_SOLD} {_ENTITLED}", asked):
        plans = {plan_of(price, look.plans) for price in sold_prices(sold)}
        look.roles_of[sale] = tuple(sorted({role for plan in plans if plan for role in plan.role_ids}))


def _load_granted(db: sqlite3.Connection, look: DriftScan, asked: dict[str, int]) -> defaultdict[int, str]:
    """The members' ids by role; those with any other role too, as a list of its own."""
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
