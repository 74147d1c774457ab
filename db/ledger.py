"""The Ledger port over SQLite. What each method does is said in billing.ports and done in its module here."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Concatenate, ParamSpec, Self, TypeVar

from billing.brake import Brake
from billing.model import (
    Binding,
    Change,
    Checkout,
    DisputeState,
    Event,
    GuildSettings,
    Intent,
    MemberMark,
    MemberState,
    Notice,
    Override,
    Plan,
    Price,
    Subscription,
    SubscriptionKey,
)
from billing.ports import Health, Known, Ledger, StaleSubscription, Synced, Work
from db import (
    astray,
    brake,
    disputes,
    health,
    inbox,
    intents,
    marks,
    members,
    notices,
    plans,
    subscriptions,
    sync,
)
from db.backup import backup
from db.copier import Copier
from db.lane import ALL, Lane, OnChange
from db.lock import hold
from db.schema import prepare_reader, prepare_writer

P = ParamSpec("P")
T = TypeVar("T")


class SqliteLedger(Ledger):
    """One file, one process. Made by `open`, let go by `close` or at the end of `async with`."""

    def __init__(self, path: Path, lock: IO[bytes], writer: Lane, reader: Lane, copier: Copier) -> None:
        self._path = path
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._copier = copier
        self._arriving = 0

    @classmethod
    async def open(cls, path: Path, on_change: OnChange = lambda works: None) -> Self:
        """Make the file where there is none, or bring it to the newest schema.

        `on_change` is called on the event loop after every commit that changed something, with the work
        that it may have left. LedgerHeld, LedgerDamaged, LedgerTooNew, or LedgerUnavailable where it cannot
        be made or written.
        """
        async with AsyncExitStack() as undo:
            lock = undo.enter_context(hold(path))
            copier = Copier(path)

            def changed(works: Set[Work]) -> None:
                copier.changed(writer)
                on_change(works)

            writer = await Lane.open(path, prepare_writer, on_change=changed)
            undo.push_async_callback(writer.close)
            reader = await Lane.open(path, prepare_reader, read_only=True)
            undo.pop_all()
        return cls(path, lock, writer, reader, copier)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what waits and let go of the file."""
        await self._copier.close()
        await self._reader.close()
        await self._writer.close()
        self._lock.close()

    async def backup(self, target: Path) -> None:
        """Copy the ledger as it is at one moment to a file that is not there yet, while work goes on.

        Conflict when it is there; LedgerUnavailable when it cannot be written.
        """
        await backup(self._path, target)

    def _write(
        self, operation: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        return self._leave(ALL, operation, *args, **kwargs)

    def _leave(
        self,
        works: Set[Work],
        operation: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Awaitable[T]:
        """Write what may leave no other work waiting than this."""
        return self._writer.run(lambda db: operation(db, *args, **kwargs), works)

    def _read(
        self, operation: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        return self._reader.run(lambda db: operation(db, *args, **kwargs))

    # -- inbox and sync ------------------------------------------------------------------------------
    @property
    def arriving(self) -> int:
        return self._arriving

    async def record_events(self, events: Sequence[Event], at: int) -> int:
        self._arriving += 1
        try:
            return await self._leave({Work.LOCATE}, inbox.record_events, events, at)
        finally:
            self._arriving -= 1

    async def load_pending_events(self, at: int, limit: int) -> list[Event]:
        return await self._read(inbox.load_pending_events, at, limit)

    async def record_located(self, event: Event, keys: Sequence[SubscriptionKey], at: int) -> None:
        await self._leave({Work.SYNC}, inbox.record_located, event, keys, at)

    async def record_event_failed(self, event: Event, error: str, next_try_at: int) -> None:
        await self._write(inbox.record_event_failed, event, error, next_try_at)

    async def load_stale(self, at: int, limit: int) -> list[StaleSubscription]:
        return await self._read(inbox.load_stale, at, limit)

    async def record_stale(self, keys: Sequence[SubscriptionKey], evidence: str, at: int) -> None:
        await self._write(inbox.record_stale, keys, evidence, at)

    async def record_fetch_failed(self, stale: StaleSubscription, error: str, next_try_at: int) -> None:
        await self._write(inbox.record_fetch_failed, stale, error, next_try_at)

    async def record_synced(self, synced: Synced) -> bool:
        follow = {Work.TELL: synced.notices, Work.CARRY_OUT: synced.intents}
        works = {Work.CONVERGE, *(work for work, pieces in follow.items() if pieces)}
        return await self._leave(works, sync.record_synced, synced)

    async def record_retry(self, at: int, wished_before: int) -> None:
        await self._write(marks.record_retry, at, wished_before)

    async def load_dispute(self, provider: str, account: str, dispute_id: str) -> DisputeState | None:
        return await self._read(disputes.load_dispute, provider, account, dispute_id)

    # -- subscriptions and who they belong to --------------------------------------------------------
    async def load_subscription(self, key: SubscriptionKey) -> Subscription | None:
        return await self._read(subscriptions.load_subscription, key)

    async def load_with_member(self, key: SubscriptionKey) -> tuple[Subscription | None, MemberState | None]:
        return await self._read(members.load_with_member, key)

    async def load_known(self, provider: str, account: str, ids: Sequence[str]) -> list[Known]:
        return await self._read(subscriptions.load_known, provider, account, ids)

    async def load_subscriptions_of(self, member_id: int) -> list[Subscription]:
        return await self._read(subscriptions.load_subscriptions_of, member_id)

    async def load_customer_subscriptions(
        self, provider: str, account: str, customer_id: str
    ) -> list[SubscriptionKey]:
        return await self._read(subscriptions.load_customer_subscriptions, provider, account, customer_id)

    async def load_unbound(self, provider: str, account: str) -> list[Subscription]:
        return await self._read(subscriptions.load_unbound, provider, account)

    async def load_living(
        self, provider: str, account: str, after: int, limit: int
    ) -> list[tuple[int, SubscriptionKey]]:
        return await self._read(subscriptions.load_living, provider, account, after, limit)

    async def load_to_look_up(self, provider: str, account: str, opened_after: int) -> list[str]:
        return await self._read(subscriptions.load_to_look_up, provider, account, opened_after)

    async def load_running(self, guild_id: int) -> list[tuple[SubscriptionKey, int]]:
        return await self._read(subscriptions.load_running, guild_id)

    async def record_binding(
        self, key: SubscriptionKey, binding: Binding, who: str, evidence: str, at: int
    ) -> None:
        await self._write(subscriptions.record_binding, key, binding, who, evidence, at)

    async def record_checkout(self, checkout: Checkout) -> None:
        await self._write(subscriptions.record_checkout, checkout)

    async def load_checkout(self, checkout_id: str) -> Checkout | None:
        return await self._read(subscriptions.load_checkout, checkout_id)

    async def load_open_checkouts(
        self, provider: str, account: str, guild_id: int, member_id: int, opened_after: int
    ) -> list[Checkout]:
        return await self._read(
            subscriptions.load_open_checkouts, provider, account, guild_id, member_id, opened_after
        )

    # -- members -------------------------------------------------------------------------------------
    async def record_marks(self, members: Sequence[Binding], why: str, at: int) -> None:
        await self._write(marks.record_marks, members, why, at)

    async def load_marked(self, at: int, limit: int) -> list[MemberMark]:
        return await self._read(marks.load_marked, at, limit)

    async def load_member_state(self, guild_id: int, member_id: int) -> MemberState:
        return await self._read(members.load_member_state, guild_id, member_id)

    async def record_granting(self, guild_id: int, member_id: int, role_id: int, at: int) -> None:
        await self._leave(set(), marks.record_granting, guild_id, member_id, role_id, at)

    async def record_converged(
        self,
        mark: MemberMark,
        gone: Sequence[int],
        due_at: int | None,
        parked: str | None,
        changes: Sequence[Change],
        notices: Sequence[Notice],
        at: int,
        *,
        braked: bool = False,
    ) -> None:
        works = {Work.TELL} if notices else set[Work]()
        await self._leave(
            works, marks.record_converged, mark, gone, due_at, parked, changes, notices, at, braked=braked
        )

    async def record_converge_failed(self, mark: MemberMark, error: str, next_try_at: int) -> None:
        await self._write(marks.record_converge_failed, mark, error, next_try_at)

    async def record_due(self, at: int) -> int:
        marked = [await self._write(marks.record_due, at)]
        while marked[-1] == marks.AT_ONCE:
            marked.append(await self._write(marks.record_due, at))
        return sum(marked)

    async def load_next_due(self, after: int) -> int | None:
        return await self._read(marks.load_next_due, after)

    async def load_members_to_check(self, at: int, limit: int) -> list[Binding]:
        return await self._read(marks.load_members_to_check, at, limit)

    async def record_checked(self, members: Sequence[Binding], at: int) -> None:
        await self._leave(set(), marks.record_checked, members, at)

    async def load_astray(self, guild_id: int, at: int, grace: int) -> list[int]:
        return await astray.load_astray(self._path, self._reader, guild_id, at, grace)

    async def load_parked(self, guild_id: int) -> list[tuple[int, str]]:
        return await self._read(marks.load_parked, guild_id)

    async def load_retried(self, guild_id: int, marked_before: int) -> list[tuple[int, str]]:
        return await self._read(marks.load_retried, guild_id, marked_before)

    # -- the brake -----------------------------------------------------------------------------------
    async def record_taking(self, guild_id: int, member_id: int, at: int) -> int | None:
        return await self._write(brake.record_taking, guild_id, member_id, at)

    async def load_brake(self, guild_id: int) -> Brake | None:
        return await self._read(brake.load_brake, guild_id)

    async def record_released(self, guild_id: int, asked_at: int, by: int, at: int) -> int:
        return await self._write(brake.record_released, guild_id, asked_at, by, at)

    async def record_kept(self, guild_id: int, asked_at: int, by: int, at: int) -> int | None:
        return await self._write(brake.record_kept, guild_id, asked_at, by, at)

    # -- overrides -----------------------------------------------------------------------------------
    async def record_overrides(
        self, overrides: Sequence[Override], intents: Sequence[Intent], notices: Sequence[Notice], at: int
    ) -> None:
        await self._write(members.record_overrides, overrides, intents, notices, at)

    async def load_overrides(self, guild_id: int, member_id: int, at: int) -> list[Override]:
        return await self._read(members.load_overrides, guild_id, member_id, at)

    async def load_decision(self, decision_id: str) -> list[Override]:
        return await self._read(members.load_decision, decision_id)

    async def record_lifted(
        self,
        decision_id: str,
        by: int,
        reason: str,
        at: int,
        intents: Sequence[Intent] = (),
        notices: Sequence[Notice] = (),
    ) -> list[Override]:
        return await self._write(members.record_lifted, decision_id, by, reason, at, intents, notices)

    # -- intents -------------------------------------------------------------------------------------
    async def record_intent(self, intent: Intent) -> Intent:
        return await self._write(intents.record_intent, intent)

    async def load_intents(self, at: int, limit: int) -> list[Intent]:
        return await self._read(intents.load_intents, at, limit)

    async def load_intents_of(self, key: SubscriptionKey) -> list[Intent]:
        return await self._read(intents.load_intents_of, key)

    async def load_intent(self, intent_id: str) -> Intent | None:
        return await self._read(intents.load_intent, intent_id)

    async def record_intent_outcome(
        self, intent: Intent, synced: Synced | None, notices: Sequence[Notice]
    ) -> None:
        await self._write(sync.record_intent_outcome, intent, synced, notices)

    # -- plans and servers ---------------------------------------------------------------------------
    async def record_plan(self, plan: Plan, who: str, at: int) -> Plan:
        return await self._write(plans.record_plan, plan, who, at)

    async def load_plan(self, plan_id: int) -> Plan | None:
        return await self._read(plans.load_plan, plan_id)

    async def load_plans(self, guild_id: int | None, *, removed: bool = False) -> list[Plan]:
        return await self._read(plans.load_plans, guild_id, removed=removed)

    async def record_price(self, price: Price) -> None:
        await self._write(plans.record_price, price)

    async def load_guild_settings(self, guild_id: int) -> GuildSettings:
        return await self._read(plans.load_guild_settings, guild_id)

    async def record_guild_settings(self, settings: GuildSettings, who: str, at: int) -> None:
        await self._write(plans.record_guild_settings, settings, who, at)

    # -- notices, history, small things --------------------------------------------------------------
    async def record_notice(self, notice: Notice) -> bool:
        return await self._write(notices.record_notice, notice)

    async def load_notices(self, at: int, limit: int) -> list[Notice]:
        return await self._read(notices.load_notices, at, limit)

    async def load_notice(self, key: str) -> Notice | None:
        return await self._read(notices.load_notice, key)

    async def record_told(self, key: str, at: int, *, delivered: bool) -> None:
        await self._write(notices.record_told, key, at, delivered=delivered)

    async def record_notice_failed(self, key: str, next_try_at: int) -> None:
        await self._write(notices.record_notice_failed, key, next_try_at)

    async def load_untold(self, member_id: int, at: int) -> list[Notice]:
        if not await self._read(notices.has_untold, member_id):
            return []
        return await self._write(notices.take_untold, member_id, at)

    async def load_untold_to_admins(self, guild_id: int, at: int, limit: int) -> list[Notice]:
        return await self._write(notices.take_untold_to_admins, guild_id, at, limit)

    async def load_history(self, guild_id: int, member_id: int, limit: int) -> list[Change]:
        return await self._read(notices.load_history, guild_id, member_id, limit)

    async def load_value(self, name: str) -> str | None:
        return await self._read(health.load_value, name)

    async def record_value(self, name: str, value: str) -> None:
        await self._write(health.record_value, name, value)

    async def load_health(self, at: int) -> Health:
        if self._writer.failed:  # tried out, for nothing else may be written for long
            await self._write(health.record_value, "written", str(at))
        return await self._read(health.load_health, at)
