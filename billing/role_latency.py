"""Measures the time from a notification to the role that follows from it.

Kept in memory only, so work that was waiting during a restart is not timed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from time import monotonic
from typing import TypeVar

from billing.model import Binding, SubscriptionKey

_MOST = 10_000  # entries kept of each kind; the oldest are dropped

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RoleLatency:
    """Follows a notification from its event to the subscription and then to the member."""

    def __init__(self) -> None:
        self._events: dict[str, float] = {}
        self._subscriptions: dict[SubscriptionKey, float] = {}
        self._members: dict[Binding, tuple[float, int]] = {}

    def arrive(self, event_ids: Iterable[str]) -> None:
        """Note that events were stored now."""
        now = monotonic()
        for event_id in event_ids:
            _keep(self._events, event_id, now)

    def locate(self, event_id: str, keys: Iterable[SubscriptionKey]) -> None:
        """Note the subscriptions that an event is about."""
        at = self._events.pop(event_id, None)
        if at is not None:
            for key in keys:
                _keep(self._subscriptions, key, at)

    def sync(self, key: SubscriptionKey, whose: Binding | None, at: int) -> None:
        """Note that a subscription was fetched and recorded at `at` (unix seconds)."""
        since = self._subscriptions.pop(key, None)
        if since is not None and whose is not None:
            _keep(self._members, whose, (since, at))

    def settle(self, whose: Binding, marked_at: int) -> float | None:
        """Note that a member was reconciled, and return the seconds since the notification that queued them.

        Returns None if something else queued them: an entry newer than the recorded change has another
        reason.
        """
        since, recorded_at = self._members.pop(whose, (0.0, -1))
        return monotonic() - since if marked_at <= recorded_at else None


def _keep(times: dict[K, V], key: K, value: V) -> None:
    """Store a time unless the key already has one."""
    times.setdefault(key, value)
    if len(times) > _MOST:
        del times[next(iter(times))]
