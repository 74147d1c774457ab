"""Loads a server's statistics: its subscriptions now, and the changes of the last few days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from billing.model import Status, Subscription
from billing.model.outbox import OutboxEvent
from billing.ports import Ports
from billing.rules.stats import DAY, Stats, calculate_stats
from billing.rules.subscription_changes import facts_of, is_begun

PAGE = 500


@dataclass(frozen=True, slots=True)
class ServerStats:
    """The statistics of a server.

    `counted_since`: the moment from which changes are known, in unix seconds; later than requested if Dues
    did not record them before.
    """

    stats: Stats
    counted_since: int


async def load_stats(ports: Ports, guild_id: int, days: int) -> ServerStats:
    """Load the statistics of a server, including the changes of the last `days` days."""
    now = ports.now()
    since = now - days * DAY
    start = await ports.ledger.load_sequence_before(guild_id, since)
    events = [event async for event in _events(ports, guild_id, start)]
    plans = await ports.ledger.load_plans(guild_id, removed=True)
    subscriptions = [each async for each in every_subscription(ports, guild_id)]
    running = [s for s in subscriptions if s.status is not Status.ENDED and is_begun(s)]
    stats = calculate_stats((facts_of(s, plans) for s in running), events, since, now, ports.grace)
    counted = since if start else min((event.at for event in events), default=now)
    return ServerStats(stats, max(since, counted))


async def _events(ports: Ports, guild_id: int, after: int) -> AsyncIterator[OutboxEvent]:
    while page := await ports.ledger.load_outbox(after, PAGE, guild_id):
        for event in page:
            yield event
        after = page[-1].sequence


async def every_subscription(ports: Ports, guild_id: int, after: int = 0) -> AsyncIterator[Subscription]:
    """Yield the subscriptions of a server's members, ordered by member id, starting after the id `after`."""
    while page := await ports.ledger.load_members_subscriptions(guild_id, after, PAGE):
        for subscription in page:
            yield subscription
        last = page[-1].binding
        assert last is not None
        after = last.member_id
