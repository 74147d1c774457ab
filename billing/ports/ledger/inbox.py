"""The ledger: inbox and stale subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from billing.model import DisputeState, Event, SubscriptionKey
from billing.ports.records import StaleSubscription, SyncResult


class InboxLedger(Protocol):
    """Notifications kept, and subscriptions to be fetched."""

    async def record_events(self, events: Sequence[Event], at: int) -> int:
        """Store events not seen before; the number that were new. Durable when it returns."""

    async def load_known_events(self, provider: str, account: str, ids: Sequence[str]) -> set[str]:
        """Those of these events that were stored; a finished one is forgotten after three months."""

    async def load_pending_events(self, at: int, limit: int) -> list[Event]:
        """Stored events that no subscription is marked for yet and whose next try is due, oldest first."""

    async def record_located(self, event: Event, keys: Sequence[SubscriptionKey], at: int) -> None:
        """Mark these subscriptions stale for this event; with none, the event is done."""

    async def record_event_failed(self, event: Event, error: str, next_try_at: int) -> None:
        """Keep the event for another try; a poison event never holds up the others."""

    async def load_stale(self, at: int, limit: int) -> list[StaleSubscription]:
        """Subscriptions to fetch whose next try is due, longest waiting first."""

    async def record_stale(self, keys: Sequence[SubscriptionKey], evidence: str, at: int) -> None:
        """Mark subscriptions to be fetched, for another reason than an event."""

    async def record_fetch_failed(self, stale: StaleSubscription, error: str, next_try_at: int) -> None:
        """Keep the mark for another try."""

    async def record_synced(self, synced: SyncResult) -> bool:
        """Record a snapshot with its history row, mark the member, finish the events that rang for it.

        The history row is written where something a person would notice changed. An ENDED snapshot is
        never replaced by one that is not. True when anything changed.
        """

    async def record_retry(self, at: int, wished_before: int) -> None:
        """Make due at once whatever failed before and waits for its next try: events, fetches, members; and
        every wish made before that moment. Writes nothing when there is none."""

    async def load_dispute(self, provider: str, account: str, dispute_id: str) -> DisputeState | None:
        """Where a dispute stood when it was last looked at; None for one not heard of yet."""
