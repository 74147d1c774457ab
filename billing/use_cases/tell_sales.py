"""Notifies admins who asked for it about sales, cancellations and failed payments, several at a time."""

from __future__ import annotations

from collections.abc import Sequence

from billing.model import Notice, SalesNews
from billing.model.outbox import OutboxEvent
from billing.ports import Ports
from billing.rules.sales_news import kind_of, news_of

AT_ONCE = 500  # events read at a time
NAMED = 10  # pieces of news in one notice; the rest is only counted
CURSOR = "sales_news"  # the name of the last sequence read


async def tell_sales(ports: Ports) -> bool:
    """Queue notices about the next events of the outbox; return True if there may be more.

    The cursor advances after the notices are recorded. After a crash between the two, the same notices are
    recorded again, under keys that are already known.
    """
    events = await ports.ledger.load_outbox(int(await ports.ledger.load_value(CURSOR) or 0), AT_ONCE)
    if not events:
        return False
    by_server: dict[int, list[OutboxEvent]] = {}
    for event in events:
        if kind_of(event) is not None:
            by_server.setdefault(event.guild_id, []).append(event)
    for guild_id, found in by_server.items():
        await _tell(ports, guild_id, found)
    await ports.ledger.record_value(CURSOR, str(events[-1].sequence))
    return len(events) == AT_ONCE


async def _tell(ports: Ports, guild_id: int, events: Sequence[OutboxEvent]) -> None:
    wanted = (await ports.ledger.load_guild_settings(guild_id)).sales_news
    chosen = [event for event in events if kind_of(event) in wanted]
    if not chosen:
        return
    plans = {plan.id: plan.name for plan in await ports.ledger.load_plans(guild_id, removed=True)}
    news = [one for event in chosen if (one := news_of(event, plans)) is not None]
    body = SalesNews(tuple(news[:NAMED]), len(news[NAMED:]))
    await ports.ledger.record_notice(Notice(f"sales:{chosen[0].id}", guild_id, None, body, ports.now()))
