"""A notification arrives: authenticated, stored, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from billing.model import Event
from billing.ports import Clock, Ledger, Provider


async def ingest(
    ledger: Ledger, clock: Clock, provider: Provider, body: bytes, headers: Mapping[str, str]
) -> tuple[list[Event], int]:
    """Store what a notification says happened: the events, and how many of them were new and are needed.

    When this returns, they are durable. NotificationError: nothing of it was believed. LedgerError: it
    could not be stored, ProviderError: it could not be told from a forgery just now, and the provider must
    send it again.
    """
    events = await provider.authenticate(body, headers, clock.now())
    now = int(clock.now())
    needed = [_no_later(event, now) for event in events if event.subject is not None]
    new = await ledger.record_events(needed, now) if needed else 0
    return events, new


def _no_later(event: Event, now: int) -> Event:
    """An event's age decides when it is tried again and when it is given up; what has not happened yet would
    be tried every two seconds until it has."""
    return event if event.occurred_at <= now else replace(event, occurred_at=now)
