"""Implements the Ledger port in SQLite.

billing.ports documents the methods; the modules of db.queries implement them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, Self, TypeVar

from billing.model import Binding, Notice
from billing.ports import Health, Ledger
from db.queries import (
    bindings,
    brake,
    disputes,
    health,
    imports,
    inbox,
    intents,
    locales,
    members,
    notices,
    outbox,
    panels,
    plans,
    prices,
    reconcile_queue,
    restored,
    saved_values,
    snapshots,
    subscriptions,
)
from db.sqlite import drifted_members, ledger_size
from db.sqlite.backup import backup, last_backup
from db.sqlite.checkpointer import WalCheckpointer
from db.sqlite.errors import opening
from db.sqlite.group_commit import GroupCommitConnection, OnChange
from db.sqlite.integrity_check import IntegrityCheck
from db.sqlite.lock import hold, make
from db.sqlite.schema import is_large, prepare_reader, prepare_writer
from db.sqlite.write_count import WriteCount

P = ParamSpec("P")
T = TypeVar("T")


def _reads(
    operation: Callable[Concatenate[sqlite3.Connection, P], T],
) -> Callable[Concatenate[SqliteLedger, P], Coroutine[Any, Any, T]]:
    """Make a method of the ledger that runs this operation on the committed state."""

    async def method(self: SqliteLedger, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._reader.run(operation, *args, **kwargs)

    return method


def _writes(
    operation: Callable[Concatenate[sqlite3.Connection, P], T],
) -> Callable[Concatenate[SqliteLedger, P], Coroutine[Any, Any, T]]:
    """Make a method of the ledger that runs this operation in one transaction."""

    async def method(self: SqliteLedger, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.run(operation, *args, **kwargs)

    return method


class SqliteLedger(Ledger):
    """A ledger in one file, used by one process.

    Create it with `open`; close it with `close` or by leaving `async with`.
    """

    def __init__(
        self,
        path: Path,
        lock: IO[bytes],
        count: WriteCount,
        writer: GroupCommitConnection,
        reader: GroupCommitConnection,
        copier: WalCheckpointer,
    ) -> None:
        self._path = path
        self._lock = lock
        self._count = count
        self._writer = writer
        self._reader = reader
        self._copier = copier
        self._whole = IntegrityCheck(path)

    @classmethod
    async def open(cls, path: Path, on_change: OnChange = lambda: None) -> Self:
        """Open a ledger; create the file if it is missing, and migrate it to the newest schema.

        `on_change` is called on the event loop after every commit that changed something. Raises LedgerHeld
        if another process uses the ledger, LedgerDamaged, LedgerTooNew, or LedgerUnavailable if the file
        cannot be created or written.
        """
        async with AsyncExitStack() as undo:
            undo.enter_context(opening(path))
            lock = undo.enter_context(hold(path))
            make(path)
            count = WriteCount(path)
            undo.callback(count.close)
            copier = WalCheckpointer(path)

            def changed() -> None:
                copier.changed(writer)
                on_change()

            writer = await GroupCommitConnection.open(path, prepare_writer, on_change=changed, count=count)
            undo.push_async_callback(writer.close)
            await writer.run(count.begin)
            reader = await GroupCommitConnection.open(path, prepare_reader, mode="ro")
            large = await reader.run(is_large)
            undo.pop_all()
        ledger = cls(path, lock, count, writer, reader, copier)
        if large:
            ledger._whole.begin()
        return ledger

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish the queued operations and close the file."""
        await self._whole.close()
        await self._copier.close()
        await self._reader.close()
        await self._writer.close()
        self._count.close()
        self._lock.close()

    async def backup(self, target: Path, at: int | None = None) -> None:
        """Copy the committed state to a new file while the ledger stays in use.

        `at`: the current time in unix seconds, recorded as the time of the last backup; None records nothing.
        Raises Conflict if the file exists, and LedgerUnavailable if it cannot be written.
        """
        await backup(self._path, target, at)

    # -- inbox and sync ------------------------------------------------------------------------------
    record_events = _writes(inbox.record_events)
    load_known_events = _reads(inbox.load_known_events)
    load_pending_events = _reads(inbox.load_pending_events)
    record_located = _writes(inbox.record_located)
    record_event_failed = _writes(inbox.record_event_failed)
    load_stale = _reads(inbox.load_stale)
    load_stale_members = _reads(inbox.load_stale_members)
    record_stale = _writes(inbox.record_stale)
    record_fetch_failed = _writes(inbox.record_fetch_failed)

    record_synced = _writes(snapshots.record_synced)
    record_retry = _writes(reconcile_queue.record_retry)
    load_dispute = _reads(disputes.load_dispute)

    # -- subscriptions and who they belong to --------------------------------------------------------
    load_subscription = _reads(subscriptions.load_subscription)
    load_with_member = _reads(members.load_with_member)
    load_known = _reads(subscriptions.load_known)
    load_subscriptions_of = _reads(subscriptions.load_subscriptions_of)
    load_members_subscriptions = _reads(subscriptions.load_members_subscriptions)
    load_customer_subscriptions = _reads(subscriptions.load_customer_subscriptions)
    load_unbound = _reads(subscriptions.load_unbound)
    load_unbound_sales = _reads(subscriptions.load_unbound_sales)
    load_living = _reads(subscriptions.load_living)
    load_to_look_up = _reads(subscriptions.load_to_look_up)
    load_paying = _reads(subscriptions.load_paying)
    load_homes = _reads(subscriptions.load_homes)
    load_running = _reads(subscriptions.load_running)
    record_binding = _writes(bindings.record_binding)
    record_unbound = _writes(bindings.record_unbound)
    record_managed = _writes(subscriptions.record_managed)
    load_managed = _reads(subscriptions.load_managed)
    record_checkout = _writes(subscriptions.record_checkout)
    load_checkout = _reads(subscriptions.load_checkout)
    load_returned = _reads(subscriptions.load_returned)
    load_unfinished = _reads(subscriptions.load_unfinished)
    load_free_days = _reads(subscriptions.load_free_days)
    load_open_checkouts = _reads(subscriptions.load_open_checkouts)

    # -- members -------------------------------------------------------------------------------------
    record_queued_members = _writes(reconcile_queue.record_queued_members)
    load_queued_members = _reads(reconcile_queue.load_queued_members)
    load_member_state = _reads(members.load_member_state)
    load_member_states = _reads(members.load_member_states)
    record_granting = _writes(reconcile_queue.record_granting)

    record_reconciled = _writes(reconcile_queue.record_reconciled)
    record_reconcile_failed = _writes(reconcile_queue.record_reconcile_failed)

    async def record_due(self, at: int) -> int:
        marked = [await self._writer.run(reconcile_queue.record_due, at)]
        while marked[-1] == reconcile_queue.AT_ONCE:
            marked.append(await self._writer.run(reconcile_queue.record_due, at))
        return sum(marked)

    load_next_due = _reads(reconcile_queue.load_next_due)
    load_members_to_check = _reads(reconcile_queue.load_members_to_check)
    record_checked = _writes(reconcile_queue.record_checked)

    async def load_drifted_members(self, after: Binding, at: int, grace: int, limit: int) -> list[Binding]:
        load = drifted_members.load_drifted_members
        return await load(self._path, self._reader, after, at, grace, limit)

    load_parked = _reads(reconcile_queue.load_parked)
    load_retried = _reads(reconcile_queue.load_retried)

    # -- the brake -----------------------------------------------------------------------------------
    record_taking = _writes(brake.record_taking)
    load_brake = _reads(brake.load_brake)
    record_released = _writes(brake.record_released)
    record_kept = _writes(brake.record_kept)

    # -- overrides -----------------------------------------------------------------------------------
    record_overrides = _writes(members.record_overrides)
    load_overrides = _reads(members.load_overrides)
    load_granting = _reads(members.load_granting)
    load_decision = _reads(members.load_decision)
    record_lifted = _writes(members.record_lifted)

    # -- intents -------------------------------------------------------------------------------------
    record_intent = _writes(intents.record_intent)
    load_intents = _reads(intents.load_intents)
    load_intents_of = _reads(intents.load_intents_of)
    load_intent = _reads(intents.load_intent)
    record_intent_outcome = _writes(snapshots.record_intent_outcome)

    # -- plans and servers ---------------------------------------------------------------------------
    record_plan = _writes(plans.record_plan)
    load_plan = _reads(plans.load_plan)
    load_plans = _reads(plans.load_plans)
    load_plans_of = _reads(prices.load_plans_of)
    load_sold = _reads(prices.load_sold)
    load_sellers = _reads(prices.load_sellers)
    load_price_conflicts = _reads(prices.load_price_conflicts)
    load_price = _reads(prices.load_price)
    load_product_prices = _reads(prices.load_product_prices)
    load_prices_on_sale = _reads(prices.load_prices_on_sale)
    record_price = _writes(prices.record_price)
    load_guild_settings = _reads(plans.load_guild_settings)
    record_guild_settings = _writes(plans.record_guild_settings)

    record_panel = _writes(panels.record_panel)
    load_panel = _reads(panels.load_panel)
    load_outdated_panels = _reads(panels.load_outdated_panels)
    record_panel_shown = _writes(panels.record_panel_shown)
    record_panel_failed = _writes(panels.record_panel_failed)
    record_panel_removed = _writes(panels.record_panel_removed)

    record_import = _writes(imports.record_import)
    load_import = _reads(imports.load_import)
    load_last_import = _reads(imports.load_last_import)
    load_import_rows = _reads(imports.load_import_rows)
    record_import_applied = _writes(imports.record_import_applied)
    record_import_row = _writes(imports.record_import_row)

    # -- what an older ledger has not asked for yet --------------------------------------------------
    record_started = _writes(restored.record_started)
    load_unswept = _reads(restored.load_unswept)
    record_looked = _writes(restored.record_looked)
    record_disputes_listed = _writes(restored.record_disputes_listed)
    record_swept = _writes(restored.record_swept)
    record_waiting = _writes(restored.record_waiting)
    load_unasked_intent = _reads(restored.load_unasked_intent)
    load_sold_before = _reads(restored.load_sold_before)

    # -- notices, history, small things --------------------------------------------------------------
    record_notice = _writes(notices.record_notice)
    load_notices = _reads(notices.load_notices)
    load_waiting_news = _reads(notices.load_waiting_news)
    load_notice = _reads(notices.load_notice)
    record_told = _writes(notices.record_told)
    record_notice_failed = _writes(notices.record_notice_failed)

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        if not await self._reader.run(notices.has_untold, member_id):
            return []
        return await self._writer.run(notices.take_untold, member_id, at)

    async def record_locale(self, user_id: int, locale: str) -> None:
        if await self.load_locale(user_id) != locale:
            await self._writer.run(locales.record_locale, user_id, locale)

    load_locale = _reads(locales.load_locale)
    load_untold_to_admins = _writes(notices.take_untold_to_admins)
    load_history = _reads(notices.load_history)
    load_outbox = _reads(outbox.load_outbox)
    load_newest_events = _reads(outbox.load_newest_events)
    load_sequence_before = _reads(outbox.load_sequence_before)
    load_value = _reads(saved_values.load_value)
    record_value = _writes(saved_values.record_value)

    record_backup_failed = _writes(notices.record_backup_failed)

    async def load_health(self, at: int) -> Health:
        if self._writer.failed:  # try it now, because nothing else may be written for a long time
            await self._writer.run(saved_values.record_value, "written", str(at))
        found = await self._reader.run(health.load_health, at)
        backed_up_at = await asyncio.to_thread(last_backup, self._path)
        size = await asyncio.to_thread(ledger_size.size_of, self._path)
        age = health.age_of(backed_up_at, at)
        return replace(found, backup_age=age, damage=self._whole.damage, size=size)
