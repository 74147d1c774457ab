"""Tracks for each provider whether its genuine notifications arrive.

Anybody can post to the listener, so a refused request alone proves nothing: it is counted, and the provider
is asked whether it sent something.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from billing.model.translatable_text import Text

# seconds: how long a genuine notification may take, and the shortest time between two questions to a provider
MINUTE = 60

_MOST_RETURNS = 1_000  # ids waiting to be looked up
_LONGEST_ID = 64


@dataclass
class Arrival:
    """The arrivals from one provider since `since`, when this process began to listen.

    Moments in unix seconds.

    `before`: the period in which an earlier process listened and refused a request that was never
    investigated. `unstored_at`: when a notification last could not be stored, so that the provider was asked
    to send it again. `young`: the last check missed an event that may still be on its way. `sold`: a
    subscription that no notification reported: when it was created and when it was found. `lost_since`: when
    the provider first confirmed that genuine notifications do not arrive; `lost_refused`: because the bot
    refuses them. `blind`: why the provider could not be asked.
    """

    since: float
    before: tuple[float, float] | None = None
    accepted_at: float = -math.inf
    unstored_at: float = -math.inf
    refused: int = 0
    refused_at: float = -math.inf
    asked_at: float = -math.inf
    young: bool = False
    sold: tuple[float, float] | None = None
    lost_since: int | None = None
    lost_refused: bool = False
    blind: Text | str = ""

    @property
    def counts_from(self) -> float:
        """The moment from which a missing event shows that notifications are lost.

        Older ones were missed while nobody listened, will be sent again, or precede a notification that
        did arrive.
        """
        return max(self.since, self.accepted_at, self.unstored_at)

    def counts(self, at: float) -> bool:
        """Return True if an event of the moment `at` should have arrived."""
        earlier = self.before is not None and self.before[0] <= at <= self.before[1]
        return earlier or at >= self.counts_from

    def asks_at(self) -> float:
        """Return when to ask the provider next, in unix seconds; infinite if nothing is in doubt.

        The last question comes one minute after the last refusal, when the refused request is old enough.
        """
        doubt = self.refused_at > self.accepted_at and self.asked_at < self.refused_at + MINUTE
        first = self.before is not None and self.asked_at < self.since
        return self.asked_at + MINUTE if doubt or first or self.young else math.inf

    def told_at(self) -> float:
        """Return when a subscription that no notification reported begins to count as a fault.

        In unix seconds; infinite if there is no such subscription.
        """
        return math.inf if self.sold is None else max(self.sold) + MINUTE


class Arrivals:
    """The arrivals of each provider, by its name. `changed` is set whenever a check may be needed."""

    def __init__(self, since: float = math.inf) -> None:
        self._since = float(int(since)) if since < math.inf else since  # providers give whole seconds
        self._known: dict[str, Arrival] = {}
        self.changed = asyncio.Event()
        self._returns: asyncio.Queue[str] = asyncio.Queue(_MOST_RETURNS)

    def of(self, provider: str) -> Arrival:
        """Return the arrivals of this provider."""
        return self._known.setdefault(provider, Arrival(self._since))

    def accept(self, provider: str, at: float) -> None:
        """Record that a genuine notification arrived, which ends any earlier trouble."""
        arrival = self.of(provider)
        if arrival.lost_since is not None or arrival.before is not None:
            self.changed.set()
        arrival.accepted_at, arrival.lost_since, arrival.before = at, None, None
        arrival.young, arrival.sold = False, None

    def refuse(self, provider: str, at: float) -> None:
        """Record a refused request; a check becomes due unless one is already planned."""
        arrival = self.of(provider)
        idle = arrival.asks_at() == math.inf
        arrival.refused, arrival.refused_at = arrival.refused + 1, at
        if idle:
            self.changed.set()

    def fail_to_store(self, provider: str, at: float) -> None:
        """Record that a notification could not be stored through our own fault.

        The provider will send it again.
        """
        self.of(provider).unstored_at = at

    def come_back(self, return_id: str) -> None:
        """Record that somebody returned from a payment page, or pretends to.

        Ids beyond the limit are dropped.
        """
        if 0 < len(return_id) <= _LONGEST_ID and not self._returns.full():
            self._returns.put_nowait(return_id)

    async def returned(self, most: int) -> list[str]:
        """Wait for ids of returned payment pages, and return up to `most` of them, but at least one."""
        found = {await self._returns.get()}
        while len(found) < most and not self._returns.empty():
            found.add(self._returns.get_nowait())
        return sorted(found)

    def see_sold(self, provider: str, created_at: float, at: float) -> None:
        """Record that a subscription was found that the ledger did not know."""
        arrival = self.of(provider)
        if arrival.counts_from <= created_at <= at and arrival.sold is None:
            arrival.sold = (created_at, at)
            self.changed.set()
