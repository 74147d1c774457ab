"""Queries that record the result of fetching a subscription from its provider."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from billing.model import (
    RULE,
    Binding,
    Change,
    Intent,
    Notice,
    Plan,
    Status,
    Subscription,
)
from billing.model.outbox import PaymentRefunded
from billing.ports import SyncResult
from billing.rules.access import block_on, decides, plans_of
from billing.rules.merge import merge, visible_facts
from db.queries import disputes, restored
from db.queries.inbox import finish
from db.queries.intents import is_settled_now, record_intent, record_outcome
from db.queries.members import is_decided, load_unlifted, record_barred, record_overrides
from db.queries.notices import record_notice
from db.queries.outbox import add_events, add_role_events, add_subscription_events
from db.queries.plans import load_plans
from db.queries.reconcile_queue import enqueue, try_again
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
        return False  # an outdated snapshot; everything concluded from it is dropped too
    changed = new is not None and _record_snapshot(db, old, new, synced)
    if new is not None:
        restored.look(db, new.key, synced.at)
    add_changes(db, synced.changes)
    add_role_events(db, synced.changes)
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
    whose, before, after = new.binding, visible_facts(old) if old else "", visible_facts(new)
    if before != after:
        guild_id, member_id = (whose.guild_id, whose.member_id) if whose else (None, None)
        who, why, evidence = synced.who, synced.why, synced.evidence
        subject = subject_of(new.key)
        change = Change(synced.at, guild_id, member_id, subject, who, why, evidence, before, after)
        add_changes(db, [change])
    if whose is None:
        return True
    if old is None or old.binding is None:
        tie(db, new, whose, synced.at)
    plans = load_plans(db, whose.guild_id, removed=True)
    revoked = new.status is Status.ENDED and _is_revoked(db, new, whose, plans)
    add_subscription_events(db, old, new, plans, synced.who, synced.at, revoked=revoked)
    if new.trial_end is not None:
        note_free_days(db, whose, {role for plan in plans_of(new, plans) for role in plan.role_ids})
    if old is None or old.binding != whose or decides(old, plans) != decides(new, plans):
        enqueue(db, [whose], synced.why, synced.at)
    return True


def _is_revoked(db: sqlite3.Connection, sub: Subscription, whose: Binding, plans: Sequence[Plan]) -> bool:
    standing = load_unlifted(db, whose.guild_id, whose.member_id)
    return block_on([plan.id for plan in plans_of(sub, plans)], standing, sub.key) is not None


def _as_known(db: sqlite3.Connection, old: Subscription | None, new: Subscription) -> Subscription | None:
    """Return the recorded subscription with which to merge the fetched one.

    A ledger restored from a backup may record an unpaid period that has been paid since. If the provider
    reports a later unpaid period, the recorded one is dropped.
    """
    since = old.unpaid_since if old else None
    if old is None or since is None or (new.unpaid_since or 0) <= since:
        return old
    return replace(old, unpaid_since=None) if restored.is_unasked(db, old.key) else old


def record_intent_outcome(
    db: sqlite3.Connection,
    intent: Intent,
    synced: SyncResult | None,
    notices: Sequence[Notice],
    at: int | None = None,
) -> None:
    if is_settled_now(db, intent) and intent.refunded is not None:
        _add_refund(db, intent, intent.created_at if at is None else at)
    record_outcome(db, intent)
    if synced is not None:
        record_synced(db, synced)
    for notice in notices:
        record_notice(db, notice)


def _add_refund(db: sqlite3.Connection, intent: Intent, at: int) -> None:
    sub = load_subscription(db, intent.key)
    if sub is not None and sub.binding is not None:
        by = None if intent.by == RULE else intent.by
        payment, amount = intent.payment_id or "", intent.refunded
        refund = PaymentRefunded(subscription=intent.key, payment=payment, amount=amount, by=by)
        add_events(db, at, sub.binding.guild_id, sub.binding.member_id, [refund])
