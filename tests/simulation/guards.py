"""Guards of the program, each taken away for a while: histories must notice it.

A guard that nothing notices guards nothing, or is not tried. Each has a short history in guards.json that
comes out right with it and wrong without.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import billing.rules.access
import billing.rules.merge
import billing.use_cases.bind
import billing.use_cases.execute_intent
import billing.use_cases.ownership
import billing.use_cases.reconcile
import billing.use_cases.sweep
import billing.use_cases.sync
import db.queries.inbox
import db.queries.reconcile_queue
import db.queries.snapshots
import db.queries.subscriptions
from billing.model import Override, OverrideKind, QueuedMember, Status, Subscription
from billing.rules.access import Access
from billing.rules.roles import Changes, diff, roles_of
from db import SqliteLedger
from db.queries.rows import EVENT, event_row, marks
from db.sqlite.ledger import _writes

Removal = Callable[[ExitStack], None]
GUARDS: dict[str, Removal] = {}


def guard(name: str) -> Callable[[Removal], Removal]:
    """Enter what takes the guard away into the table."""

    def enter(removal: Removal) -> Removal:
        GUARDS[name] = removal
        return removal

    return enter


@contextmanager
def without(name: str) -> Iterator[None]:
    """The program lacks this guard meanwhile."""
    with ExitStack() as stack:
        GUARDS[name](stack)
        yield


@guard("an event that is known is not stored again")
def _(stack: ExitStack) -> None:
    def record(conn: sqlite3.Connection, events: Any, at: int) -> int:
        rows = [(*event_row(e), at, at, None) for e in events]
        columns = f"{EVENT}, received_at, next_try_at, done_at"
        return conn.executemany(f"INSERT INTO inbox ({columns}) VALUES ({marks(columns)})", rows).rowcount  # noqa: S608 - names of columns

    stack.enter_context(patch.object(SqliteLedger, "record_events", _writes(record)))


@guard("what has ended never comes back")
def _(stack: ExitStack) -> None:
    blind = SimpleNamespace(**{status.name: status for status in Status} | {"ENDED": object()})
    stack.enter_context(patch.object(db.queries.snapshots, "Status", blind))


@guard("roles are read back after they were set")
def _(stack: ExitStack) -> None:
    async def believe(ports: Any, mark: Any, actual: frozenset[int], outcome: Any) -> frozenset[int]:
        return (actual | set(outcome.given)) - set(outcome.taken)

    stack.enter_context(patch.object(billing.use_cases.reconcile, "_read_back", believe))


@guard("only roles that we granted are taken")
def _(stack: ExitStack) -> None:
    def all_ours(
        desired: frozenset[int], held: frozenset[int], actual: frozenset[int], granted: frozenset[int]
    ) -> Changes:
        return diff(desired, held, actual, granted | actual)

    stack.enter_context(patch.object(billing.use_cases.reconcile, "diff", all_ours))


@guard("what was refused is not kept as ours")
def _(stack: ExitStack) -> None:
    record = SqliteLedger.record_reconciled

    async def keep(self: SqliteLedger, mark: QueuedMember, **facts: Any) -> None:
        await record(self, mark, **(facts | {"gone": [] if facts["parked"] else facts["gone"]}))

    stack.enter_context(patch.object(SqliteLedger, "record_reconciled", keep))


@guard("a member's mark is cleared only at the version that was read")
def _(stack: ExitStack) -> None:
    record = db.queries.reconcile_queue.record_reconciled

    def clear(conn: sqlite3.Connection, mark: QueuedMember, *rest: Any, **more: Any) -> None:
        record(conn, mark, *rest, **more)
        conn.execute(
            "UPDATE members SET marked_at = NULL, next_try_at = NULL WHERE guild_id = ? AND member_id = ?",
            (mark.guild_id, mark.member_id),
        )

    stack.enter_context(patch.object(SqliteLedger, "record_reconciled", _writes(clear)))


@guard("a subscription's mark is cleared only at the version that was read")
def _(stack: ExitStack) -> None:
    finish = db.queries.inbox.finish

    def clear(conn: sqlite3.Connection, key: Any, version: int, at: int) -> None:
        latest = conn.execute(
            "SELECT version FROM stale WHERE subscription_id = ?", (key.id if key else "",)
        ).fetchone()
        finish(conn, key, latest[0] if latest else version, at)

    stack.enter_context(patch.object(db.queries.snapshots, "finish", clear))


@guard("a failed payment keeps its roles for the days of grace")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.PAST_DUE: Access.NONE}))


@guard("the days of grace end")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.PAST_DUE: Access.FULL}))


@guard("an unknown status takes nothing")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.UNKNOWN: Access.NONE}))


@guard("an unknown status gives nothing")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.UNKNOWN: Access.FULL}))


@guard("a block stands above every payment")
def _(stack: ExitStack) -> None:
    covers = Override.covers

    def blind(self: Override, plan_id: int, now: float) -> bool:
        return self.kind is not OverrideKind.BLOCK and covers(self, plan_id, now)

    stack.enter_context(patch.object(Override, "covers", blind))


@guard("a block outlives what is resumed at the provider")
def _(stack: ExitStack) -> None:
    async def nothing(*args: Any) -> tuple[()]:
        return ()

    stack.enter_context(patch.object(billing.use_cases.sync, "_stop_blocked", nothing))


@guard("a member reaches only their own subscription")
def _(stack: ExitStack) -> None:
    def any_of_them(subscription: Subscription, member_id: int) -> Subscription:
        return subscription

    stack.enter_context(patch.object(billing.use_cases.ownership, "require_owned", any_of_them))


@guard("nothing is done before the provider shows it")
def _(stack: ExitStack) -> None:
    stack.enter_context(
        patch.object(billing.use_cases.execute_intent, "is_fulfilled", lambda kind, sub: True)
    )


@guard("the sweep finds what was missed")
def _(stack: ExitStack) -> None:
    async def nothing(*args: Any) -> None:
        return None

    stack.enter_context(patch.object(billing.use_cases.sweep, "sweep_provider", nothing))


@guard("time alone marks a member")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.object(db.queries.reconcile_queue, "record_due", lambda conn, at: 0))


@guard("a role goes with the last thing that pays for it")
def _(stack: ExitStack) -> None:
    def first(entitlements: Any, plans: Any, *, held: bool) -> frozenset[int]:
        return roles_of([*entitlements][:1], plans, held=held)

    stack.enter_context(patch.object(billing.use_cases.reconcile, "roles_of", first))


@guard("a dispute stays until there is word of it")
def _(stack: ExitStack) -> None:
    merge = billing.rules.merge.merge

    def forget(old: Any, new: Subscription, *rest: Any, **more: Any) -> Subscription:
        return replace(merge(old, new, *rest, **more), dispute=new.dispute)

    stack.enter_context(patch.object(db.queries.snapshots, "merge", forget))


@guard("a member whom Discord failed is tried again")
def _(stack: ExitStack) -> None:
    def give_up(conn: sqlite3.Connection, mark: QueuedMember, error: str, next_try_at: int) -> None:
        db.queries.reconcile_queue.record_reconciled(
            conn, mark, [], None, (), [], [], next_try_at, braked=False
        )

    stack.enter_context(patch.object(SqliteLedger, "record_reconcile_failed", _writes(give_up)))


@guard("a subscription that could not be fetched is tried again")
def _(stack: ExitStack) -> None:
    def give_up(conn: sqlite3.Connection, stale: Any, error: str, next_try_at: int) -> None:
        db.queries.inbox.finish(conn, stale.key, stale.version, next_try_at)

    stack.enter_context(patch.object(SqliteLedger, "record_fetch_failed", _writes(give_up)))


@guard("an intent without an answer is kept")
def _(stack: ExitStack) -> None:
    async def drop(ports: Any, attempt: Any, error: Any) -> Any:
        await ports.ledger.record_intent_outcome(replace(attempt, state="failed"), None, [])
        return attempt

    stack.enter_context(patch.object(billing.use_cases.execute_intent, "_keep", drop))


@guard("a grant is ours from before it is asked for")
def _(stack: ExitStack) -> None:
    async def nothing(*args: Any) -> None:
        return None

    stack.enter_context(patch.object(SqliteLedger, "record_granting", nothing))


@guard("what is paid at PayPal outlives its cancellation")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.ENDED: Access.NONE}))


@guard("what is paid at PayPal is had no longer than that")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.ENDED: Access.FULL}))


@guard("what the owner suspends at PayPal gives only what is paid")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(billing.rules.access.TABLE, {Status.PAUSED: Access.FULL}))


@guard("who loses a dispute is billed no longer")
def _(stack: ExitStack) -> None:
    disputed = billing.use_cases.sync._disputed

    async def go_on(ports: Any, synced: Any, dispute_id: str) -> Any:
        return replace(await disputed(ports, synced, dispute_id), intents=synced.intents)

    stack.enter_context(patch.object(billing.use_cases.sync, "_disputed", go_on))


@guard("nobody's roles go on an old account of what is paid")
def _(stack: ExitStack) -> None:
    stack.enter_context(patch.object(billing.use_cases.reconcile, "_wait_for_truth", lambda *_: None))


@guard("only the page that we made binds a payment to its member")
def _(stack: ExitStack) -> None:
    async def believe(ports: Any, provider: Any, snapshot: Subscription, _: Any) -> Any:
        found = await provider.fetch_checkout(snapshot.key.id)
        return await ports.ledger.load_checkout(found.checkout_id) if found.checkout_id else None

    stack.enter_context(patch.object(billing.use_cases.bind, "_find_checkout", believe))
