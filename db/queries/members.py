"""Queries for everything that decides a member's roles, including admins' decisions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from billing.model import (
    Binding,
    Change,
    Intent,
    MemberState,
    Notice,
    Override,
    Subscription,
    SubscriptionKey,
)
from db.queries import restored
from db.queries.intents import record_intent
from db.queries.notices import record_notice
from db.queries.outbox import add_decisions, add_lifted
from db.queries.plans import load_plans
from db.queries.reconcile_queue import enqueue
from db.queries.rows import (
    OVERRIDE,
    SUBSCRIPTION,
    add_changes,
    key_row,
    marks,
    override,
    parked_reasons,
    subscription,
    to_json,
)
from db.queries.saved_values import COPIED, load_value
from db.queries.subscriptions import load_subscription

_THE_ONE = "guild_id = ? AND member_id = ?"

_STALE = """
    SELECT 1 FROM subscriptions AS s CROSS JOIN stale
        ON stale.provider = s.provider AND stale.account = s.account AND stale.subscription_id = s.id
    WHERE s.guild_id = ? AND s.member_id = ? LIMIT 1
"""
# A subscription of anybody may be missing here.
_UNSWEPT = "SELECT 1 FROM unasked_providers WHERE provider > '' LIMIT 1"


def load_member_state(db: sqlite3.Connection, guild_id: int, member_id: int) -> MemberState:
    who = (guild_id, member_id)
    subscriptions = db.execute(
        f"SELECT {SUBSCRIPTION} FROM subscriptions WHERE member_id = ? AND guild_id = ? ORDER BY row",
        (member_id, guild_id),
    )
    roles = db.execute(f"SELECT role_id FROM role_grants WHERE {_THE_ONE}", who)
    member = db.execute(f"SELECT parked, due_at FROM members WHERE {_THE_ONE}", who).fetchone()
    unasked = restored.unasked_of(db, member_id)
    unswept = db.execute(_UNSWEPT).fetchone() is not None
    return MemberState(
        plans=tuple(load_plans(db, guild_id, removed=True)),
        subscriptions=tuple(restored.hold(subscription(row), unasked) for row in subscriptions),
        overrides=load_unlifted(db, guild_id, member_id),
        granted=frozenset(row[0] for row in roles),
        parked=parked_reasons(member[0]) if member else (),
        stale=db.execute(_STALE, who).fetchone() is not None,
        due_at=member[1] if member else None,
        unasked=tuple(unasked),
        unswept=unswept,
        copied_at=int(load_value(db, COPIED) or 0) if unswept else 0,
    )


def load_member_states(db: sqlite3.Connection, members: Sequence[Binding]) -> list[MemberState]:
    return [load_member_state(db, member.guild_id, member.member_id) for member in members]


def load_with_member(
    db: sqlite3.Connection, key: SubscriptionKey
) -> tuple[Subscription | None, MemberState | None]:
    found = load_subscription(db, key)
    binding = found.binding if found else None
    return found, load_member_state(db, binding.guild_id, binding.member_id) if binding else None


def record_overrides(
    db: sqlite3.Connection,
    overrides: Sequence[Override],
    intents: Sequence[Intent],
    notices: Sequence[Notice],
    at: int,
    *,
    replaces: Sequence[str] = (),
) -> None:
    for decision_id in replaces:
        _lift(db, decision_id, overrides[0].by, overrides[0].reason, at)
    db.executemany(
        f"INSERT INTO overrides ({OVERRIDE}) VALUES ({marks(OVERRIDE)})", [_row(o) for o in overrides]
    )
    for intent in intents:
        record_intent(db, intent)
    for notice in notices:
        record_notice(db, notice)
    add_changes(db, [_change(o, at, o.by, o.reason, "", _words(o)) for o in overrides])
    add_decisions(db, overrides, at)
    enqueue(db, _members(overrides), "override", at)


def record_lifted(  # noqa: PLR0913 - the port's parameters and the connection
    db: sqlite3.Connection,
    decision_id: str,
    by: int,
    reason: str,
    at: int,
    intents: Sequence[Intent] = (),
    notices: Sequence[Notice] = (),
    *,
    replaces: Sequence[str] = (),
    overrides: Sequence[Override] = (),
) -> list[Override]:
    lifted = _lift(db, decision_id, by, reason, at)
    if not lifted:
        return []
    for other in replaces:
        _lift(db, other, by, reason, at)
    record_overrides(db, overrides, intents, notices, at)
    return lifted


def _lift(db: sqlite3.Connection, decision_id: str, by: int, reason: str, at: int) -> list[Override]:
    lifted = load_decision(db, decision_id)
    db.execute(
        "UPDATE overrides SET lifted_at = ?, lifted_by = ?, lifted_reason = ?"
        " WHERE decision_id = ? AND lifted_at IS NULL",
        (at, by, reason, decision_id),
    )
    add_changes(db, [_change(o, at, by, reason, _words(o), "lifted") for o in lifted])
    add_lifted(db, lifted, by, reason, at)
    enqueue(db, _members(lifted), "override lifted", at)
    return lifted


def load_overrides(db: sqlite3.Connection, guild_id: int, member_id: int, at: int) -> list[Override]:
    unlifted = load_unlifted(db, guild_id, member_id)
    return [o for o in unlifted if o.until is None or o.until > at]


def load_unlifted(db: sqlite3.Connection, guild_id: int, member_id: int) -> tuple[Override, ...]:
    rows = db.execute(
        f"SELECT {OVERRIDE} FROM overrides WHERE {_THE_ONE} AND lifted_at IS NULL ORDER BY id",
        (guild_id, member_id),
    )
    return tuple(override(row) for row in rows)


def load_granting(db: sqlite3.Connection, member_id: int) -> list[int]:
    rows = db.execute(
        "SELECT DISTINCT guild_id FROM overrides"
        " WHERE member_id = ? AND lifted_at IS NULL AND kind = 'grant'",
        (member_id,),
    )
    return [row[0] for row in rows]


def is_decided(db: sqlite3.Connection, decision_id: str) -> bool:
    """Return True if the decision was ever recorded, even if it has been lifted since."""
    return (
        db.execute("SELECT 1 FROM overrides WHERE decision_id = ? LIMIT 1", (decision_id,)).fetchone()
        is not None
    )


def load_decision(db: sqlite3.Connection, decision_id: str) -> list[Override]:
    rows = db.execute(
        f"SELECT {OVERRIDE} FROM overrides WHERE decision_id = ? AND lifted_at IS NULL ORDER BY id",
        (decision_id,),
    )
    return [override(row) for row in rows]


def _row(o: Override) -> tuple[object, ...]:
    who = (o.decision_id, o.guild_id, o.member_id, o.plan_id)
    keys = to_json([key_row(key) for key in o.subscriptions])
    return (None, *who, o.kind, o.starts_at, o.until, o.reason, o.by, o.created_at, keys)


def record_barred(db: sqlite3.Connection, block: Override, key: SubscriptionKey) -> None:
    """Extend a block to this subscription, so that it stays blocked even after a switch to another plan."""
    keys = to_json([key_row(one) for one in (*block.subscriptions, key)])
    db.execute("UPDATE overrides SET subscriptions = ? WHERE id = ?", (keys, block.id))


def _members(overrides: Sequence[Override]) -> list[Binding]:
    return list(dict.fromkeys(Binding(o.guild_id, o.member_id) for o in overrides))


def _words(o: Override) -> str:
    plan = "every plan" if o.plan_id is None else f"plan={o.plan_id}"
    return f"{o.kind} {plan} starts_at={o.starts_at} until={o.until}"


def _change(o: Override, at: int, by: int, why: str, before: str, after: str) -> Change:
    subject = f"override {o.decision_id}"
    return Change(at, o.guild_id, o.member_id, subject, str(by), why, o.decision_id, before, after)
