"""What one look at the provider changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from billing.model import (
    Binding,
    Change,
    Intent,
    Notice,
    Status,
    Subscription,
)
from billing.ports import SyncResult
from billing.rules.access import decides, plans_of
from billing.rules.merge import merge, visible_facts
from db.queries import disputes, restored
from db.queries.inbox import finish
from db.queries.intents import record_intent, record_outcome
from db.queries.members import is_decided, record_barred, record_overrides
from db.queries.notices import record_notice
from db.queries.plans import load_plans
from db.queries.reconcile_queue import enqueue_members, try_again
from db.queries.rows import add_changes
from db.queries.subscriptions import load_subscription, note_free_days, put, subject_of, tie


def record_synced(db: sqlite3.Connection, synced: SyncResult) -> bool:
    new = synced.snapshot
    if synced.stale_version is not None:
        finished = finish(db, new.key if new else None, synced.stale_version, synced.at)
        try_again(db, finished, synced.at)
    if synced.dispute is not None:
        disputes.put(db, synced.dispute)
    old = load_subscription(db, new.key) if new else None
    if new and old and old.status is Status.ENDED and new.status is not Status.ENDED:
        return False  # older truth, and so is all that was concluded from it
    changed = new is not None and _record_snapshot(db, old, new, synced)
    if new is not None:
        restored.look(db, new.key, synced.at)
    add_changes(db, synced.changes)
    for notice in synced.notices:
        record_notice(db, notice)
    for intent in synced.intents:
        record_intent(db, intent)
    if synced.overrides and not is_decided(db, synced.overrides[0].decision_id):
        record_overrides(db, synced.overrides, [], [], synced.at)
    if new and synced.barred_by:
        record_barred(db, synced.barred_by, new.key)
    return changed


def _record_snapshot(
    db: sqlite3.Connection, old: Subscription | None, fetched: Subscription, synced: SyncResult
) -> bool:
    new = merge(_as_known(db, old, fetched), fetched, synced.at, at_once=synced.at_once)
    if synced.dispute is not None:
        new = replace(new, dispute=disputes.state_of(db, new.key))
    if new == old:
        return False
    put(db, old, new)
    if old is None or visible_facts(old) != visible_facts(new):
        add_changes(db, [_change(old, new, synced)])
    if new.binding and (old is None or old.binding is None):
        tie(db, new, new.binding, synced.at)
    if new.binding and new.trial_end is not None:
        plans = plans_of(new, load_plans(db, new.binding.guild_id, removed=True))
        note_free_days(db, new.binding, {role for plan in plans for role in plan.role_ids})
    if new.binding and (old is None or _is_decided_otherwise(db, old, new, new.binding)):
        enqueue_members(db, [new.binding], synced.why, synced.at)
    return True


def _is_decided_otherwise(
    db: sqlite3.Connection, old: Subscription, new: Subscription, binding: Binding
) -> bool:
    plans = load_plans(db, binding.guild_id, removed=True)
    return old.binding != binding or decides(old, plans) != decides(new, plans)


def _as_known(db: sqlite3.Connection, old: Subscription | None, new: Subscription) -> Subscription | None:
    """What an older ledger held as owed may be paid since: a later debt of the provider's is another one."""
    since = old.unpaid_since if old else None
    if old is None or since is None or (new.unpaid_since or 0) <= since:
        return old
    return replace(old, unpaid_since=None) if restored.is_unasked(db, old.key) else old


def _change(old: Subscription | None, new: Subscription, synced: SyncResult) -> Change:
    return Change(
        synced.at,
        new.binding.guild_id if new.binding else None,
        new.binding.member_id if new.binding else None,
        subject_of(new.key),
        synced.who,
        synced.why,
        synced.evidence,
        visible_facts(old) if old else "",
        visible_facts(new),
    )


def record_intent_outcome(
    db: sqlite3.Connection, intent: Intent, synced: SyncResult | None, notices: Sequence[Notice]
) -> None:
    record_outcome(db, intent)
    if synced is not None:
        record_synced(db, synced)
    for notice in notices:
        record_notice(db, notice)
