"""The ledger port: the inbox and stale subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import DisputeState, Event, SubscriptionKey
from billing.ports.records import StaleSubscription, SyncResult
from billing.priority import Priority


class InboxLedger(Protocol):
    """Stored notifications, and subscriptions that need to be fetched."""

    async def record_events(self, events: Sequence[Event], at: int) -> int:
        """Store the events that are not yet known, and return their number. Durable when it returns."""

    async def load_known_events(self, provider: str, account: str, ids: Sequence[str]) -> set[str]:
        """Return those of `ids` whose events are stored. Finished events are deleted after three months."""

    async def load_pending_events(self, at: int, limit: int) -> list[Event]:
        """Return up to `limit` stored events that are not yet located and due, oldest first.

        An event is due from the moment of its next attempt.
        """

    async def record_located(
        self,
        event: Event,
        keys: Sequence[SubscriptionKey],
        at: int,
        priority: Priority = Priority.CHANGE,
    ) -> None:
        """Queue the event's subscriptions to be fetched; without any, the event is done."""

    async def record_event_failed(self, event: Event, error: str, next_try_at: int) -> None:
        """Postpone an event that failed, so that it never holds up the others."""

    async def load_stale(self, at: int, limit: int) -> list[StaleSubscription]:
        """Return up to `limit` subscriptions whose next fetch is due, longest waiting first.

        Each lets more urgent ones pass for a while (billing.priority.YIELDS).
        """

    async def load_stale_members(
        self, provider: str, account: str, at: int, limit: int
    ) -> list[tuple[StaleSubscription, int]]:
        """Return up to `limit` due subscriptions of an account that have a member and for which nobody waits.

        Each comes with the moment at which it was created, in unix seconds.
        """

    async def record_stale(
        self,
        keys: Sequence[SubscriptionKey],
        evidence: str,
        at: int,
        priority: Priority = Priority.CHANGE,
    ) -> None:
        """Queue subscriptions to be fetched for a reason other than an event.

        Of several reasons the most urgent one counts.
        """

    async def record_fetch_failed(self, stale: StaleSubscription, error: str, next_try_at: int) -> None:
        """Postpone a subscription whose fetch failed."""

    async def record_synced(self, synced: SyncResult) -> bool:
        """Record a fetched snapshot, queue its member, and return True if anything changed.

        Also finishes the events that queued the fetch. A history row is written only for changes that a
        person would notice. An ENDED snapshot is never replaced by one that is not.
        """

    async def record_retry(self, at: int, wished_before: int) -> None:
        """Make all failed work that awaits its next attempt due now.

        That is events, fetches, members, and all intents created before `wished_before` (unix seconds).
        Writes nothing if there is nothing to retry.
        """

    async def load_dispute(self, provider: str, account: str, dispute_id: str) -> DisputeState | None:
        """Return the last known state of a dispute; None if it is not known yet."""
