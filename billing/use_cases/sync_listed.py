"""Fetches subscriptions from the provider's list where many are waiting; one page contains a hundred.

After an outage, or when many renew in the same hour, one call for each would take as long as the provider's
rate limit makes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

from billing.errors import ProviderError
from billing.model import Status, Subscription, SubscriptionKey
from billing.ports import ListPart, Ports, Provider, StaleSubscription
from billing.priority import Priority
from billing.use_cases.sync import record_listed
from billing.work_outcome import WorkOutcome

MANY = 200  # due subscriptions; for fewer no list is read
MOST = 5_000  # subscriptions that one reading of the list looks for
WORTH = 0.04  # share of the listed that must be among them: 4 of a page, which one call brings
JUDGED_AFTER = 10  # listed subscriptions for each that is due, which takes a tenth of the calls
_RECORDED_AT_ONCE = 16
# The list lacks what decides whether a first or overdue payment waits for its payer.
_FETCHED_ALONE = (Status.PENDING, Status.PAST_DUE, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Many subscriptions of one account that are due, and the part of its list that contains them."""

    provider: Provider
    priority: ClassVar = Priority.ROUTINE
    stale: dict[SubscriptionKey, StaleSubscription]
    part: ListPart

    @property
    def key(self) -> tuple[str, str]:
        """The provider and account, whose list is read only once at a time."""
        return (self.provider.name, self.provider.account)


async def find_backlogs(ports: Ports, at: int) -> list[Backlog]:
    """Return a backlog for each account whose list is worth reading, because many subscriptions are due."""
    found = []
    for provider in ports.providers.values():
        if provider.lists_all:
            due = await ports.ledger.load_stale_members(provider.name, provider.account, at, MOST)
            if len(due) >= MANY:
                made = [moment for _, moment in due]
                stale = {one.key: one for one, _ in due}
                found.append(Backlog(provider, stale, ListPart(created=(min(made), max(made)))))
    return found


async def sync_listed(ports: Ports, backlog: Backlog) -> tuple[WorkOutcome, bool]:
    """Read the list, and record the due subscriptions as of the moment at which the reading began.

    Returns the outcome, and False if the list contained too few of them. A subscription that somebody else
    may have fetched since then is left to be fetched individually, because the ledger may be newer than the
    list.
    """
    waiting, listed, begun, done, worth = dict(backlog.stale), 0, ports.now(), 0, False
    held: list[tuple[StaleSubscription, Subscription]] = []
    with ports.locks.watched() as touched:
        async for one in backlog.provider.list_subscriptions((), backlog.part):
            listed += 1
            stale = waiting.pop(one.key, None)
            if stale is not None and one.customer_id and one.status not in _FETCHED_ALONE:
                held.append((stale, one))
            if len(held) == _RECORDED_AT_ONCE:
                done += await _record(ports, backlog.provider, held, touched, begun)
                held = []
            brought = len(backlog.stale) - len(waiting)
            worth = brought >= WORTH * listed
            if not waiting or (listed >= JUDGED_AFTER * len(backlog.stale) and not worth):
                break
        done += await _record(ports, backlog.provider, held, touched, begun)
    return WorkOutcome(f"{done} of {len(backlog.stale)} by page, {listed} listed"), worth


async def _record(
    ports: Ports,
    provider: Provider,
    held: Sequence[tuple[StaleSubscription, Subscription]],
    touched: Set[Hashable],
    at: int,
) -> int:
    """Record the listed subscriptions that nothing else has touched; return how many were recorded."""
    free = [(stale, one) for stale, one in held if stale.key not in touched]
    done = await asyncio.gather(
        *(record_listed(ports, provider, stale, one, at) for stale, one in free), return_exceptions=True
    )
    for error in done:
        if error is not None and not isinstance(error, ProviderError):
            raise error
    return done.count(None)
