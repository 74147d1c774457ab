"""Authenticates and stores an incoming notification before it is acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from billing.model import Event
from billing.ports import Clock, Ledger, Provider


async def ingest(
    ledger: Ledger, clock: Clock, provider: Provider, body: bytes, headers: Mapping[str, str]
) -> tuple[list[Event], int]:
    """Store the events of a notification; return them, and how many of those that matter are new.

    The events are durable on return. Raises NotificationError if the notification is not genuine, LedgerError
    if it could not be stored, and ProviderError if its authenticity cannot be checked right now; in the last
    two cases the provider must send it again.
    """
    events = await provider.authenticate(body, headers, clock.now())
    now = int(clock.now())
    # An event's age decides when it is retried; one dated in the future would be retried every two seconds.
    needed = [replace(e, occurred_at=min(e.occurred_at, now)) for e in events if e.subject is not None]
    new = await ledger.record_events(needed, now) if needed else 0
    return events, new
