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
        """Store events that are not yet known; returns how many were new. Durable when it returns."""

    async def load_known_events(self, provider: str, account: str, ids: Sequence[str]) -> set[str]:
        """The ids among `ids` whose events are stored; finished events are deleted after three months."""

    async def load_pending_events(self, at: int, limit: int) -> list[Event]:
        """Stored events that have not been located yet and whose next attempt is due, oldest first."""

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
        """Subscriptions to fetch whose next attempt is due, longest waiting first; each lets more urgent ones
        past for a while (billing.priority.YIELDS)."""

    async def load_stale_members(
        self, provider: str, account: str, at: int, limit: int
    ) -> list[tuple[StaleSubscription, int]]:
        """Those due at this account that are recorded as a member's and that nobody waits for, each with the
        moment at which the subscription was made."""

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
        """Record a snapshot with its history row, queue the member, and finish the events that queued the
        fetch.

        The history row is written only for changes that a person would notice. An ENDED snapshot is never
        replaced by one that is not. Returns True if anything changed.
        """

    async def record_retry(self, at: int, wished_before: int) -> None:
        """Make everything due now that failed and awaits its next attempt: events, fetches, members, and all
        intents created before `wished_before`. Writes nothing if there is nothing to retry."""

    async def load_dispute(self, provider: str, account: str, dispute_id: str) -> DisputeState | None:
        """The last known state of a dispute; None if it is not known yet."""
