"""Queries for the queue of members whose roles must be compared with their subscriptions.

Members are queued by a change, by time or by a regular check; retried after a failure; and parked if their
roles cannot be set.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from billing.model import Binding, Change, Notice, QueuedMember, SubscriptionKey
from billing.model.translatable_text import Reasons, Text
from db.queries.inbox import forget_old, record_stale
from db.queries.notices import WAITS_FOR_ROLES, record_notice
from db.queries.outbox import add_role_events
from db.queries.rows import add_changes, key_row, parked_reasons, parked_row

# Members that become due in one transaction at most, so that the writer is never blocked for long.
AT_ONCE = 1000

_THE_ONE = "guild_id = ? AND member_id = ?"

# Each is the first entry of an index, except notices that wait for their member's roles.
_NEXT = """
    SELECT min(next_try_at) FROM inbox WHERE done_at IS NULL AND next_try_at > :after
    UNION ALL SELECT min(next_try_at) FROM stale WHERE priority = 0 AND next_try_at > :after
    UNION ALL SELECT min(next_try_at) FROM stale WHERE priority = 1 AND next_try_at > :after
    UNION ALL SELECT min(next_try_at) FROM stale WHERE priority = 2 AND next_try_at > :after
    UNION ALL SELECT min(next_try_at) FROM members WHERE next_try_at > :after
    UNION ALL SELECT min(due_at) FROM members WHERE due_at > :after
    UNION ALL SELECT min(next_attempt_at) FROM intents WHERE state = 'pending' AND next_attempt_at > :after
    UNION ALL SELECT min(due) FROM (
        SELECT iif(EXISTS (SELECT 1 FROM members AS m WHERE m.guild_id = n.guild_id
            AND m.member_id = n.member_id AND m.next_try_at IS NOT NULL),
            max(next_try_at, created_at + :waits), next_try_at) AS due
        FROM notices AS n WHERE next_try_at > :after - :waits
    ) WHERE due > :after
"""

# Conditions for failed work that waits for its next attempt, by table.
_RETRIED = {
    "inbox": "done_at IS NULL AND attempts > 0",
    "stale": "priority IN (0, 1, 2) AND attempts > 0",
    "members": "next_try_at IS NOT NULL AND attempts > 0",
}

# A sweep can find nothing wrong with a member who has none of these.
_WATCHED = """
    SELECT EXISTS (SELECT 1 FROM role_grants WHERE guild_id = :guild AND member_id = :member)
        OR EXISTS (SELECT 1 FROM overrides WHERE guild_id = :guild AND member_id = :member
                   AND lifted_at IS NULL AND (until IS NULL OR until > :at))
        OR EXISTS (SELECT 1 FROM subscriptions WHERE guild_id = :guild AND member_id = :member
                   AND (status <> 'ended' OR paid_through > :at))
"""


def enqueue(db: sqlite3.Connection, members: Iterable[Binding], why: str, at: int) -> None:
    """Queue members to be reconciled. They become due at once, even if they were postponed."""
    db.executemany(
        "INSERT INTO members (guild_id, member_id, version, why, marked_at, next_try_at)"
        " VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (guild_id, member_id) DO UPDATE SET version = version + 1,"
        " why = excluded.why, marked_at = ifnull(marked_at, excluded.marked_at),"
        " next_try_at = min(ifnull(next_try_at, excluded.next_try_at), excluded.next_try_at)",
        [(m.guild_id, m.member_id, why, at, at) for m in members],
    )


def record_queued_members(db: sqlite3.Connection, members: Sequence[Binding], why: str, at: int) -> None:
    """Queue members to be reconciled, including those parked because their roles could not be set."""
    enqueue(db, members, why, at)
    db.executemany(
        f"UPDATE members SET parked = NULL WHERE {_THE_ONE} AND parked IS NOT NULL",
        [(m.guild_id, m.member_id) for m in members],
    )


def load_queued_members(db: sqlite3.Connection, at: int, limit: int) -> list[QueuedMember]:
    rows = db.execute(
        "SELECT guild_id, member_id, version, attempts, marked_at FROM members WHERE next_try_at <= ?"
        " ORDER BY next_try_at, marked_at LIMIT ?",
        (at, limit),
    )
    return [QueuedMember(*row) for row in rows]


def record_granting(db: sqlite3.Connection, guild_id: int, member_id: int, role_id: int, at: int) -> None:
    db.execute(
        "INSERT INTO role_grants (guild_id, member_id, role_id, granted_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (guild_id, member_id, role_id, at),
    )


def record_reconciled(  # noqa: PLR0913 - the port's parameters and the connection
    db: sqlite3.Connection,
    queued: QueuedMember,
    gone: Sequence[int],
    due_at: int | None,
    parked: Sequence[Text | str],
    changes: Sequence[Change],
    notices: Sequence[Notice],
    at: int,
    *,
    braked: bool = False,
) -> None:
    who = (queued.guild_id, queued.member_id)
    db.executemany(
        f"DELETE FROM role_grants WHERE {_THE_ONE} AND role_id = ?", [(*who, role) for role in gone]
    )
    watched = bool(parked) or _is_watched(db, queued, at)
    db.execute(
        "UPDATE members SET due_at = ?, parked = ?, checked_at = ?, braked_at = iif(?, braked_at, NULL)"
        f" WHERE {_THE_ONE}",
        (due_at, parked_row(parked), at if watched else None, int(braked), *who),
    )
    db.execute(
        "UPDATE members SET why = NULL, marked_at = NULL, next_try_at = NULL, attempts = 0, error = NULL"
        f" WHERE {_THE_ONE} AND version = ?",
        (*who, queued.version),
    )
    add_changes(db, changes)
    add_role_events(db, changes)
    for notice in notices:
        record_notice(db, notice)


def _is_watched(db: sqlite3.Connection, queued: QueuedMember, at: int) -> bool:
    who = {"guild": queued.guild_id, "member": queued.member_id, "at": at}
    return bool(db.execute(_WATCHED, who).fetchone()[0])


def record_reconcile_failed(
    db: sqlite3.Connection, queued: QueuedMember, error: str, next_try_at: int
) -> None:
    """Count a failed attempt to reconcile a member, and postpone the next to `next_try_at` (unix seconds).

    If a new reason has queued the member again in the meantime, the next attempt is not postponed.
    """
    db.execute(
        "UPDATE members SET attempts = attempts + 1, error = ?,"
        f" next_try_at = iif(version = ?, ?, next_try_at) WHERE {_THE_ONE} AND next_try_at IS NOT NULL",
        (error, queued.version, next_try_at, queued.guild_id, queued.member_id),
    )


def try_again(db: sqlite3.Connection, key: SubscriptionKey | None, at: int) -> None:
    """Retry the owner of this subscription at once if an earlier attempt was postponed.

    The attempt may have been waiting for this subscription, even if the subscription did not change.
    """
    if key is None:
        return
    db.execute(
        "UPDATE members SET version = version + 1, next_try_at = min(next_try_at, ?)"
        " WHERE next_try_at IS NOT NULL AND attempts > 0 AND (guild_id, member_id) ="
        " (SELECT guild_id, member_id FROM subscriptions WHERE provider = ? AND account = ? AND id = ?)",
        (at, *key_row(key)),
    )


def record_due(db: sqlite3.Connection, at: int) -> int:
    """Queue up to AT_ONCE members whose due time has come, and their subscriptions; return their number."""
    forget_old(db, at)
    rows = db.execute(
        "SELECT guild_id, member_id, due_at FROM members WHERE due_at <= ? ORDER BY due_at LIMIT ?",
        (at, AT_ONCE),
    )
    since = {Binding(*member): due_at for *member, due_at in rows}
    due = list(since)
    db.executemany(
        f"UPDATE members SET due_at = NULL WHERE {_THE_ONE}", [(m.guild_id, m.member_id) for m in due]
    )
    enqueue(db, due, "time", at)
    for member in due:
        record_stale(db, _living(db, member, since[member]), "timer", at)
    return len(due)


def _living(db: sqlite3.Connection, member: Binding, due_at: int) -> list[SubscriptionKey]:
    """Return the keys of the member's subscriptions that matter at `due_at` (unix seconds).

    Includes subscriptions that have not ended, and ended ones that were paid for until `due_at` or longer, so
    that the member is notified when the paid time is over.
    """
    rows = db.execute(
        "SELECT provider, account, id FROM subscriptions WHERE member_id = ? AND guild_id = ?"
        " AND (status <> 'ended' OR paid_through >= ?)",
        (member.member_id, member.guild_id, due_at),
    )
    return [SubscriptionKey(*row) for row in rows]


def record_retry(db: sqlite3.Connection, at: int, wished_before: int) -> None:
    for table, waits in _RETRIED.items():
        db.execute(f"UPDATE {table} SET next_try_at = :at WHERE {waits} AND next_try_at > :at", {"at": at})
    db.execute(
        "UPDATE intents SET next_attempt_at = :at WHERE state = 'pending' AND next_attempt_at > :at"
        " AND created_at < :before",
        {"at": at, "before": wished_before},
    )


def load_next_due(db: sqlite3.Connection, after: int) -> int | None:
    moments = [row[0] for row in db.execute(_NEXT, {"after": after, "waits": WAITS_FOR_ROLES})]
    return min((m for m in moments if m is not None), default=None)


def load_members_to_check(db: sqlite3.Connection, at: int, limit: int) -> list[Binding]:
    rows = db.execute(
        "SELECT guild_id, member_id FROM members WHERE checked_at < ? AND next_try_at IS NULL"
        " ORDER BY checked_at LIMIT ?",
        (at, limit),
    )
    return [Binding(*row) for row in rows]


def record_checked(db: sqlite3.Connection, members: Sequence[Binding], at: int) -> None:
    db.executemany(
        f"UPDATE members SET checked_at = ? WHERE {_THE_ONE} AND checked_at IS NOT NULL",
        [(at, m.guild_id, m.member_id) for m in members],
    )


def load_parked(db: sqlite3.Connection, guild_id: int, after: int, limit: int) -> list[tuple[int, Reasons]]:
    rows = db.execute(
        "SELECT member_id, parked FROM members INDEXED BY members_parked WHERE guild_id = ? AND member_id > ?"
        " AND parked IS NOT NULL ORDER BY member_id LIMIT ?",
        (guild_id, after, limit),
    )
    return [(member_id, parked_reasons(parked)) for member_id, parked in rows]


def load_retried(
    db: sqlite3.Connection, guild_id: int, queued_before: int, after: int, limit: int
) -> list[tuple[int, str]]:
    rows = db.execute(
        "SELECT member_id, error FROM members WHERE guild_id = ? AND member_id > ?"
        " AND next_try_at IS NOT NULL AND attempts > 0 AND marked_at <= ? ORDER BY member_id LIMIT ?",
        (guild_id, after, queued_before, limit),
    )
    return list(rows)
