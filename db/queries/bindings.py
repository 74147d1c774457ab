"""Queries that link subscriptions to members, and unlink them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from billing.errors import Conflict, NotFound
from billing.model import Binding, BoundBy, Change, Notice, Subscription, SubscriptionKey
from billing.rules.subscription_changes import decide_unlinked
from db.queries.notices import record_notice
from db.queries.outbox import add_events, add_subscription_events, person
from db.queries.plans import load_plans
from db.queries.reconcile_queue import enqueue
from db.queries.rows import add_changes, key_row
from db.queries.subscriptions import load_subscription, subject_of, tie

_THE_ONE = "provider = ? AND account = ? AND id = ?"


def record_binding(
    db: sqlite3.Connection,
    key: SubscriptionKey,
    binding: Binding,
    who: str,
    evidence: str,
    at: int,
    bound_by: BoundBy = BoundBy.PAGE,
    notices: Sequence[Notice] = (),
) -> None:
    sub = load_subscription(db, key)
    if sub is None:
        raise NotFound("This subscription is not known here yet. Please try again in a minute.")
    better = sub.bound_by is BoundBy.ADMIN and bound_by is not BoundBy.ADMIN
    if sub.binding == binding and not better:
        return
    if sub.binding not in (None, binding):
        raise Conflict("This subscription belongs to somebody already, or to another server.")
    # A person's word may concern only one of several subscriptions that one customer pays for.
    if bound_by is not BoundBy.ADMIN and bound_by is not BoundBy.OWNER:
        if _payer_of(db, sub) not in (None, binding.member_id):
            raise Conflict("The customer who pays for this subscription is another member.")
        tie(db, sub, binding, at)
    plans = load_plans(db, binding.guild_id, removed=True)
    before = "nobody" if sub.binding is None else f"member {binding.member_id} by {sub.bound_by}"
    now = f"member {binding.member_id}" + ("" if bound_by is BoundBy.PAGE else f" by {bound_by}")
    _bind(db, key, binding, bound_by)
    add_subscription_events(db, sub, replace(sub, binding=binding, bound_by=bound_by), plans, who, at)
    subject = subject_of(key)
    what = Change(at, binding.guild_id, binding.member_id, subject, who, "linked", evidence, before, now)
    add_changes(db, [what])
    for notice in notices:
        record_notice(db, notice)
    enqueue(db, [binding], "linked", at)


def record_unbound(
    db: sqlite3.Connection, key: SubscriptionKey, guild_id: int, who: str, at: int, kept: Sequence[int]
) -> Binding:
    sub = load_subscription(db, key)
    linked = sub is not None and sub.bound_by in (BoundBy.ADMIN, BoundBy.OWNER)
    if sub is None or sub.binding is None or sub.binding.guild_id != guild_id or not linked:
        raise Conflict("This link was undone already, or the payment has shown since whose it is.")
    whose = sub.binding
    _bind(db, key, None, BoundBy.PAGE)
    plans = load_plans(db, guild_id, removed=True)
    add_events(db, at, guild_id, whose.member_id, decide_unlinked(sub, plans, person(who)))
    db.executemany(
        "DELETE FROM role_grants WHERE guild_id = ? AND member_id = ? AND role_id = ?",
        [(guild_id, whose.member_id, role) for role in kept],
    )
    before, subject = f"member {whose.member_id}", subject_of(key)
    what = Change(at, guild_id, whose.member_id, subject, who, "link undone", "button", before, "nobody")
    add_changes(db, [what])
    enqueue(db, [whose], "link undone", at)
    return whose


def _bind(db: sqlite3.Connection, key: SubscriptionKey, whose: Binding | None, bound_by: BoundBy) -> None:
    row = (None, None) if whose is None else (whose.guild_id, whose.member_id)
    db.execute(
        f"UPDATE subscriptions SET guild_id = ?, member_id = ?, bound_by = ? WHERE {_THE_ONE}",
        (*row, bound_by, *key_row(key)),
    )


def _payer_of(db: sqlite3.Connection, sub: Subscription) -> int | None:
    customer = (sub.key.provider, sub.key.account, sub.customer_id)
    row = db.execute(f"SELECT member_id FROM customers WHERE {_THE_ONE}", customer).fetchone()
    return row[0] if row else None
