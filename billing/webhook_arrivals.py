"""Whether true notifications arrive, one record for each provider.

Anybody can post to the listener, so a refusal alone accuses nobody: it is counted, and the provider is asked.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from billing.model.texts import Text

MINUTE = 60  # so long a true notification may be on its way, and so often at most a provider is asked

_MOST_RETURNS = 1_000  # ids that wait to be looked up
_LONGEST_ID = 64


@dataclass
class Arrival:
    """What came from one provider since `since`, when this process began to listen; unix seconds.

    `before`: when an earlier process listened and refused something that nobody has looked into yet.
    `unstored_at`: when one could last not be stored, so that the provider was asked to send it again.
    `young`: at the last look an event was missing that may still be on its way. `sold`: a subscription, made
    at that moment, that no notification told of, and when it was seen. `lost_since`: the provider bore out
    that true notifications do not arrive; `lost_refused`: as the bot refuses them. `blind`: why it could
    not be asked.
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
        """An event that is missing says something only if it happened after this moment: what is older was
        missed while nobody listened, is to be sent again, or lies before a notification that did arrive."""
        return max(self.since, self.accepted_at, self.unstored_at)

    def counts(self, at: float) -> bool:
        """Whether an event of that moment should have arrived."""
        earlier = self.before is not None and self.before[0] <= at <= self.before[1]
        return earlier or at >= self.counts_from

    def asks_at(self) -> float:
        """When the provider is to be asked next; infinite where nothing is in doubt. The last question comes
        a minute after the last refusal: what was refused is old enough then."""
        doubt = self.refused_at > self.accepted_at and self.asked_at < self.refused_at + MINUTE
        first = self.before is not None and self.asked_at < self.since
        return self.asked_at + MINUTE if doubt or first or self.young else math.inf

    def told_at(self) -> float:
        """From when on a subscription that no notification told of is a fault; infinite for none."""
        return math.inf if self.sold is None else max(self.sold) + MINUTE


class Arrivals:
    """By the name of the provider. `changed` is set by whatever may need a look."""

    def __init__(self, since: float = math.inf) -> None:
        self._since = float(int(since)) if since < math.inf else since  # providers tell whole seconds
        self._known: dict[str, Arrival] = {}
        self.changed = asyncio.Event()
        self._returns: asyncio.Queue[str] = asyncio.Queue(_MOST_RETURNS)

    def of(self, provider: str) -> Arrival:
        """What came from this provider."""
        return self._known.setdefault(provider, Arrival(self._since))

    def accept(self, provider: str, at: float) -> None:
        """A true notification arrived: whatever was the matter is over."""
        arrival = self.of(provider)
        if arrival.lost_since is not None or arrival.before is not None:
            self.changed.set()
        arrival.accepted_at, arrival.lost_since, arrival.before = at, None, None
        arrival.young, arrival.sold = False, None

    def refuse(self, provider: str, at: float) -> None:
        """Something arrived that was not believed; a look is due only where none is awaited already."""
        arrival = self.of(provider)
        idle = arrival.asks_at() == math.inf
        arrival.refused, arrival.refused_at = arrival.refused + 1, at
        if idle:
            self.changed.set()

    def fail_to_store(self, provider: str, at: float) -> None:
        """The fault was our own, and the provider sends it again."""
        self.of(provider).unstored_at = at

    def come_back(self, return_id: str) -> None:
        """Somebody came back from a payment page, or pretends to. More than can be looked up are let go."""
        if 0 < len(return_id) <= _LONGEST_ID and not self._returns.full():
            self._returns.put_nowait(return_id)

    async def returned(self, most: int) -> list[str]:
        """What they brought, as soon as there is any."""
        found = {await self._returns.get()}
        while len(found) < most and not self._returns.empty():
            found.add(self._returns.get_nowait())
        return sorted(found)

    def see_sold(self, provider: str, created_at: float, at: float) -> None:
        """A subscription was found that the ledger did not know."""
        arrival = self.of(provider)
        if arrival.counts_from <= created_at <= at and arrival.sold is None:
            arrival.sold = (created_at, at)
            self.changed.set()
