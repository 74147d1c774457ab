"""How long a role takes from the notification that it follows from. It is kept in memory alone: what waits
while the program is started anew is not timed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from time import monotonic
from typing import TypeVar

from billing.model import Binding, SubscriptionKey

_MOST = 10_000  # of each kind; the oldest are let go

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RoleLatency:
    """Follows a notification by the ids of its event, of the subscription, and of the member."""

    def __init__(self) -> None:
        self._events: dict[str, float] = {}
        self._subscriptions: dict[SubscriptionKey, float] = {}
        self._members: dict[Binding, tuple[float, int]] = {}

    def arrive(self, event_ids: Iterable[str]) -> None:
        """Events were stored."""
        now = monotonic()
        for event_id in event_ids:
            _keep(self._events, event_id, now)

    def locate(self, event_id: str, keys: Iterable[SubscriptionKey]) -> None:
        """An event is about these subscriptions."""
        at = self._events.pop(event_id, None)
        if at is not None:
            for key in keys:
                _keep(self._subscriptions, key, at)

    def sync(self, key: SubscriptionKey, whose: Binding | None, at: int) -> None:
        """A subscription was fetched and recorded at that moment (unix seconds)."""
        since = self._subscriptions.pop(key, None)
        if since is not None and whose is not None:
            _keep(self._members, whose, (since, at))

    def settle(self, whose: Binding, marked_at: int) -> float | None:
        """A member's roles were looked at. Seconds since the notification that had them marked, where it was
        one: a mark that is younger than what was recorded has another reason."""
        since, recorded_at = self._members.pop(whose, (0.0, -1))
        return monotonic() - since if marked_at <= recorded_at else None


def _keep(times: dict[K, V], key: K, value: V) -> None:
    """The first counts."""
    times.setdefault(key, value)
    if len(times) > _MOST:
        del times[next(iter(times))]
