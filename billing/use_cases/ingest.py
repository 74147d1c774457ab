"""Authenticates and stores an incoming notification before it is acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from billing.model import Event
from billing.ports import Clock, Ledger, Provider


async def ingest(
    ledger: Ledger, clock: Clock, provider: Provider, body: bytes, headers: Mapping[str, str]
) -> tuple[list[Event], int]:
    """Store the events of a notification. Returns the events, and how many of those that matter are new.

    The events are durable on return. Raises NotificationError if the notification is not genuine; LedgerError
    if it could not be stored, and ProviderError if its authenticity cannot be checked right now: in both
    cases the provider must send it again.
    """
    events = await provider.authenticate(body, headers, clock.now())
    now = int(clock.now())
    needed = [_no_later(event, now) for event in events if event.subject is not None]
    new = await ledger.record_events(needed, now) if needed else 0
    return events, new


def _no_later(event: Event, now: int) -> Event:
    """The event with a time no later than `now`. Its age decides when it is retried and given up; an event
    dated in the future would be retried every two seconds until then."""
    return event if event.occurred_at <= now else replace(event, occurred_at=now)
