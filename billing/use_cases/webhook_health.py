"""Checks whether genuine notifications arrive.

A refusal alone is no fault; only the provider's own list of events can confirm one.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from dataclasses import replace

from billing.errors import DuesError, ProviderError, ProviderUnavailable
from billing.model import Event, Finding, Unheard
from billing.model.translatable_text import Moment, Text
from billing.ports import Ports, Provider, Values
from billing.use_cases.operators import tell_operators
from billing.use_cases.selling_servers import load_sellers
from billing.webhook_arrivals import MINUTE, Arrival

log = logging.getLogger(__name__)

TOGETHER = 100
MOST = 1_000  # events read in one check; the first missing ones suffice


async def watch_arrivals(ports: Ports) -> None:
    """Check the arrivals of every provider whenever needed, until cancelled."""
    for provider in ports.providers.values():
        await _recall(ports, provider)
    while True:
        ports.arrivals.changed.clear()
        rests = [await _look_safely(ports, provider) for provider in ports.providers.values()]
        await _rest(ports, min(rests, default=math.inf))


async def _look_safely(ports: Ports, provider: Provider) -> float:
    try:
        return await look_at_arrivals(ports, provider)
    except DuesError as error:
        log.warning("arrivals: %s", error)
    except Exception:
        log.exception("arrivals: fault")
    return MINUTE


async def _rest(ports: Ports, seconds: float) -> None:
    waiting: list[asyncio.Future[object]] = [asyncio.ensure_future(ports.arrivals.changed.wait())]
    if seconds < math.inf:
        waiting.append(asyncio.ensure_future(ports.clock.sleep(max(seconds, 0))))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def look_at_arrivals(ports: Ports, provider: Provider) -> float:
    """Ask the provider about missing notifications if that is due.

    Returns the seconds until the next check.
    """
    arrival, now = ports.arrivals.of(provider.name), ports.clock.now()
    if arrival.lost_since is None and now >= arrival.told_at():
        _declare(ports, provider, arrival)
    if arrival.lost_since is None and now >= arrival.asks_at():
        await _ask(ports, provider, arrival)
    await _keep(ports, provider, arrival)
    if arrival.lost_since is not None:
        told = await _tell(ports, provider, arrival.lost_since, refused=arrival.lost_refused)
        return math.inf if told else MINUTE  # until a genuine notification arrives
    return min(arrival.told_at(), arrival.asks_at()) - ports.clock.now()


async def _ask(ports: Ports, provider: Provider, arrival: Arrival) -> None:
    now = arrival.asked_at = ports.clock.now()
    try:
        missing = [event async for event in _missing(ports, provider, arrival)]
    except ProviderError as error:
        log.warning("%s could not be asked whether what was refused is true: %s", provider.title, error)
        arrival.blind, arrival.young = error.user_message, isinstance(error, ProviderUnavailable)
        return
    arrival.blind = ""
    if any(event.occurred_at <= now - MINUTE for event in missing):
        _declare(ports, provider, arrival)
    arrival.young = any(now - MINUTE < event.occurred_at <= now for event in missing)


async def _missing(ports: Ports, provider: Provider, arrival: Arrival) -> AsyncIterator[Event]:
    """Yield events that should have arrived but did not."""
    earliest = min(arrival.counts_from, arrival.before[0] if arrival.before else math.inf)
    listed, seen = provider.list_events(int(earliest), f"{ports.public_url}/webhooks/{provider.name}"), 0
    async for some in _grouped(listed):
        ids = [event.id for event in some]
        stored = await ports.ledger.load_known_events(provider.name, provider.account, ids)
        for event in some:
            if event.id not in stored and arrival.counts(event.occurred_at):
                yield event
        seen += len(some)
        if seen >= MOST:
            return


async def _grouped(listed: AsyncIterator[Event]) -> AsyncIterator[list[Event]]:
    held: list[Event] = []
    async for event in listed:
        held.append(event)
        if len(held) == TOGETHER:
            yield held
            held = []
    if held:
        yield held


def _declare(ports: Ports, provider: Provider, arrival: Arrival) -> None:
    """Record that a fault has begun."""
    arrival.lost_since, arrival.lost_refused = ports.now(), arrival.refused > 0
    if arrival.lost_refused:
        log.error("The bot refuses genuine notifications from %s", provider.title)
    else:
        log.error("No notifications from %s arrive", provider.title)


async def _tell(ports: Ports, provider: Provider, since: int, *, refused: bool) -> bool:
    """Report the fault, at most once a day if it comes and goes.

    Returns False if it must be reported later.
    """
    sellers = await load_sellers(ports.ledger, provider.name, provider.account)
    name = f"unheard:{provider.name}:{provider.account}:{since // 86_400}"
    return await tell_operators(ports, name, Unheard(provider.name, refused=refused), sellers)


async def _recall(ports: Ports, provider: Provider) -> None:
    """Restore the state that an earlier process stored.

    It is ignored if the setup has changed since, or a notification has arrived.
    """
    kept, arrival = await _load_kept(ports.ledger, provider), ports.arrivals.of(provider.name)
    if kept is not None and arrival.accepted_at < arrival.since:
        arrival.before = (float(kept[0]), float(kept[1]))
        arrival.lost_since, arrival.lost_refused = kept[2] or None, bool(kept[3])


async def _load_kept(ledger: Values, provider: Provider) -> list[int] | None:
    """Load the values that `_keep` stored; None if there are none or they belong to another setup."""
    kept = (await ledger.load_value(_name(provider)) or "").split()
    return [*map(int, kept[1:])] if len(kept) == 5 and kept[0] == provider.webhook_print else None


async def find_kept(ledger: Values, provider: Provider) -> list[Finding]:
    """Return the fault that the ledger shows while no bot runs, with its start; empty if there is none."""
    kept = await _load_kept(ledger, provider)
    if kept is None or not kept[2]:
        return []
    found = provider.unheard(refused=bool(kept[3]))
    said = Text("finding.unheard_until_stopped", fault=found.message, since=Moment(kept[2]))
    return [replace(found, message=said)]


async def _keep(ports: Ports, provider: Provider, arrival: Arrival) -> None:
    """Store the state for the next process if notifications are or may be missing.

    The state says when this process listened, and since when nothing arrives. A refusal alone stores nothing.
    """
    doubt = arrival.lost_since is not None or arrival.young or arrival.sold is not None
    listened = (math.ceil(arrival.counts_from), ports.now()) if arrival.since < math.inf else (0, 0)
    lost = (arrival.lost_since or 0, int(arrival.lost_refused))
    facts = (provider.webhook_print, *listened, *lost)
    value = " ".join(map(str, facts)) if doubt else ""
    if value or await ports.ledger.load_value(_name(provider)):
        await ports.ledger.record_value(_name(provider), value)


def _name(provider: Provider) -> str:
    return f"arrivals {provider.name}:{provider.account}"


def finding_of(provider: Provider, arrival: Arrival) -> Finding | None:
    """Return the finding for /doctor about the arrival of notifications; None if all is well.

    Either genuine notifications do not arrive, or a number of requests were refused, which proves nothing.
    """
    if arrival.lost_since is not None:
        return provider.unheard(refused=arrival.lost_refused)
    if not arrival.refused:
        return None
    what = Text("finding.what_notifications", provider=provider.title)
    if arrival.blind:
        says = Text("finding.refused_unsure", n=arrival.refused, provider=provider.title)
        cure = Text("finding.refused_unsure_cure", provider=provider.title, reason=arrival.blind)
        return Finding(what, False, says, cure)
    return Finding(what, True, Text("finding.refused", n=arrival.refused))
