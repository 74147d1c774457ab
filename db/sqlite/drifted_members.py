"""Finds the members of all servers whose granted roles have drifted from their subscriptions.

Small servers are compared together, so that thousands of them cost a few dozen reads; a server with many
members is scanned by itself (db/sqlite/role_drift.py).
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billing.model import Binding, Plan
from billing.rules.access import plan_of
from db.queries.plans import load_plans_in
from db.queries.prices import load_sellers
from db.queries.rows import sold_prices, to_json
from db.sqlite import role_drift
from db.sqlite.group_commit import GroupCommitConnection

TOGETHER = 1_000  # members in a group of small servers; about 10 ms of the reader's thread
SERVERS = 500  # servers in a group

_MEMBERS = "SELECT 1 FROM members WHERE guild_id = ? LIMIT ?"
_IN = "guild_id IN (SELECT value FROM json_each(:guilds))"
_ENTITLED = f"SELECT DISTINCT guild_id, member_id, sale {role_drift.entitled(_IN)}"
_GRANTED = f"SELECT guild_id, member_id, role_id FROM role_grants WHERE {_IN}"
_OVERRULED = f"SELECT DISTINCT guild_id, member_id FROM overrides WHERE {_IN} AND lifted_at IS NULL"
_SALES = "SELECT id, sold FROM sales WHERE id IN (SELECT value FROM json_each(?))"
_OPEN = """
    SELECT value ->> 0, value ->> 1 FROM json_each(?) AS found WHERE NOT EXISTS (SELECT 1 FROM members
        WHERE guild_id = value ->> 0 AND member_id = value ->> 1
            AND (parked IS NOT NULL OR next_try_at IS NOT NULL))
"""


@dataclass(frozen=True)
class Group:
    """The result for some servers.

    `last`: the id of the last of them, None after the last server of all. `large`: it is a single server that
    has to be scanned by itself.
    """

    last: int | None
    drifted: Sequence[Binding] = field(default_factory=list)
    large: bool = False


async def load_drifted_members(
    path: Path, reader: GroupCommitConnection, after: Binding, at: int, grace: int, limit: int
) -> list[Binding]:
    """Load up to `limit` members whose granted roles have drifted from their subscriptions.

    They are ordered by server and member, and each is greater than `after`. `at`: unix seconds; `grace`:
    seconds.
    """
    found = await _load_of_server(path, reader, after, at, grace, limit)
    last: int | None = after.guild_id
    while last is not None and len(found) < limit:
        group = await reader.run(load_group, last, at, grace)
        last = group.last
        if group.large and last is not None:
            found += await _load_of_server(path, reader, Binding(last, 0), at, grace, limit - len(found))
        found += group.drifted
    return found[:limit]


async def _load_of_server(
    path: Path, reader: GroupCommitConnection, after: Binding, at: int, grace: int, limit: int
) -> list[Binding]:
    scan = role_drift.load_drifted_members
    members = await scan(path, reader, after.guild_id, at, grace, after=after.member_id, limit=limit)
    return [Binding(after.guild_id, member) for member in members]


def load_group(db: sqlite3.Connection, after: int, at: int, grace: int) -> Group:
    """Compare the servers that follow the id `after`, as many as have TOGETHER members at most."""
    guilds: list[int] = []
    held = 0
    for guild_id in load_sellers(db, after, SERVERS):
        members = len(db.execute(_MEMBERS, (guild_id, TOGETHER + 1)).fetchall())
        if members > TOGETHER and not guilds:
            return Group(guild_id, large=True)
        held += members
        if held > TOGETHER:
            break
        guilds.append(guild_id)
    return Group(guilds[-1], _compare(db, guilds, at, grace)) if guilds else Group(None)


def _compare(db: sqlite3.Connection, guilds: Sequence[int], at: int, grace: int) -> list[Binding]:
    asked: dict[str, object] = {"guilds": to_json(list(guilds)), "at": at, "grace": grace}
    rows = db.execute(_ENTITLED, asked).fetchall()
    roles = _load_roles(db, guilds, {(guild_id, sale) for guild_id, _, sale in rows})
    entitled = {(guild_id, member, role) for guild_id, member, sale in rows for role in roles[guild_id, sale]}
    granted = set(db.execute(_GRANTED, asked))
    found = {(guild_id, member) for guild_id, member, _ in entitled ^ granted}
    found |= set(db.execute(_OVERRULED, asked))
    if not found:
        return []
    return [Binding(*row) for row in sorted(db.execute(_OPEN, (to_json(list(found)),)))]


def _load_roles(
    db: sqlite3.Connection, guilds: Sequence[int], sold: set[tuple[int, int]]
) -> dict[tuple[int, int], set[int]]:
    """Load the roles that each of these sales gives in its server."""
    plans: defaultdict[int, list[Plan]] = defaultdict(list)
    for plan in load_plans_in(db, guilds):
        plans[plan.guild_id].append(plan)
    texts = dict(db.execute(_SALES, (to_json(sorted({sale for _, sale in sold})),)))
    return {
        (guild_id, sale): {
            role
            for price in sold_prices(texts.get(sale, ""))
            for plan in [plan_of(price, plans[guild_id])]
            if plan
            for role in plan.role_ids
        }
        for guild_id, sale in sold
    }
