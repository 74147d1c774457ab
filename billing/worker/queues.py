"""Defines the queues of open work in the ledger: how each loads, handles and postpones its items."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

from billing.model import Event, Intent, IntentState, Notice, QueuedMember
from billing.model.panels import Panel
from billing.ports import Ports, QueueName, StaleSubscription
from billing.priority import Priority
from billing.rules.backoff import next_try, next_try_by_age
from billing.use_cases.deliver_notice import deliver_notice
from billing.use_cases.execute_intent import execute_intent
from billing.use_cases.reconcile import reconcile_member
from billing.use_cases.show_panel import show_panel
from billing.use_cases.sync import locate_events, names_subscription, sync_subscription
from billing.use_cases.sync_listed import Backlog, find_backlogs, sync_listed
from billing.work_outcome import Ids, WorkOutcome, put_off

# A task, a ledger read and a log line for each event took 7 % of the time from event to role (bench/).
LOCATED_AT_ONCE = 16
# Seconds between two looks for accounts whose list is worth reading, and after one that was not.
LOOK_AGAIN, NOT_WORTH = 5, 600

_Load = Callable[[int, int], Awaitable[list[Any]]]
_Key = Callable[[Any], Hashable]


@dataclass(frozen=True)
class WorkQueue:
    """One kind of work: how its items are loaded, handled and postponed.

    `width`: how many items run at a time. `priority`: how urgent its calls to a provider are, unless an item
    has a priority of its own. `key`: items with equal keys never run at the same time, and an item in
    progress is not started again. `postpone`: moves a failed item behind the others, recording the reason.
    """

    name: QueueName
    load: _Load
    handle: Callable[[Any], Awaitable[WorkOutcome]]
    key: _Key
    width: int
    postpone: Callable[[Any, str], Awaitable[None]]
    priority: Priority = Priority.CHANGE


def work_queues(ports: Ports) -> list[WorkQueue]:
    """Return all queues, from stored events to roles and notices."""

    def queue(
        name: QueueName,
        width: int,
        load: _Load,
        key: _Key,
        handle: Callable[..., Any],
        postpone: Callable[..., Any],
    ) -> WorkQueue:
        priority = Priority.PERSON if name is QueueName.EXECUTE_INTENT else Priority.CHANGE
        return WorkQueue(name, load, partial(handle, ports), key, width, partial(postpone, ports), priority)

    ledger, stale = ports.ledger, _Stale(ports)
    key, member = attrgetter("key"), attrgetter("guild_id", "member_id")
    events = partial(_load_events, ports)
    return [
        queue(QueueName.LOCATE, 4, events, _events_key, locate_events, _postpone_events),
        queue(QueueName.SYNC, 16, stale.load, key, stale.sync, _postpone_fetch),
        queue(
            QueueName.RECONCILE, 16, ledger.load_queued_members, member, reconcile_member, _postpone_member
        ),
        queue(QueueName.EXECUTE_INTENT, 4, ledger.load_intents, key, _execute, _postpone_intent),
        queue(QueueName.DELIVER, 4, ledger.load_notices, member, deliver_notice, _postpone_notice),
        queue(
            QueueName.SHOW_PANEL,
            1,
            ledger.load_outdated_panels,
            attrgetter("guild_id"),
            show_panel,
            _postpone_panel,
        ),
    ]


def ids_of(item: object) -> Ids:
    """Return the ids of a work item, for the log. Raises TypeError for anything else."""
    match item:
        case Backlog():
            return {}
        case StaleSubscription():
            return {"subscription": item.key, "event": item.evidence}
        case QueuedMember():
            return {"server": item.guild_id, "member": item.member_id}
        case Intent():
            return {"intent": item.id, "subscription": item.key}
        case Notice():
            return {"notice": item.key, "server": item.guild_id, "member": item.member_id}
        case Panel():
            return {"server": item.guild_id}
        case list():
            return {"event": ",".join(event.id for event in item)}
        case _:
            raise TypeError(item)


async def _load_events(ports: Ports, at: int, limit: int) -> list[list[Event]]:
    """Load pending events as work items.

    Events that name their subscription need no call to the provider and form one item; every other event is
    an item of its own.
    """
    events = await ports.ledger.load_pending_events(at, max(limit, LOCATED_AT_ONCE))
    named = [event for event in events if names_subscription(event)]
    return [named] * bool(named) + [[event] for event in events if not names_subscription(event)]


class _Stale:
    """The queue of subscriptions to fetch.

    From time to time, it adds the accounts where so many subscriptions are due that the provider's list is
    read.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports, self._look_at = ports, 0

    async def load(self, at: int, limit: int) -> list[StaleSubscription | Backlog]:
        found = await self._ports.ledger.load_stale(at, limit)
        if len(found) < limit or self._look_at - NOT_WORTH <= at < self._look_at:
            return [*found]
        self._look_at = at + LOOK_AGAIN
        return [*await find_backlogs(self._ports, at), *found]

    async def sync(self, ports: Ports, item: StaleSubscription | Backlog) -> WorkOutcome:
        if not isinstance(item, Backlog):
            return await sync_subscription(ports, item)
        outcome, worth = await sync_listed(ports, item)
        self._look_at = ports.now() + (LOOK_AGAIN if worth else NOT_WORTH)
        return outcome


def _events_key(events: Sequence[Event]) -> Hashable:
    """Return the key of an item of the events' queue.

    Events of one dispute run one at a time, because the bot does not fetch the dispute's state again later.
    """
    event = events[0]
    if names_subscription(event):
        return "named"
    disputed = event.subject is not None and event.subject.kind == "dispute"
    return (event.provider, event.account, event.subject if disputed else event.id)


async def _execute(ports: Ports, intent: Intent) -> WorkOutcome:
    """Execute an intent.

    The log shows only the intent's kind and state, because its reason is a person's own words.
    """
    done = await execute_intent(ports, intent)
    words = f"{done.kind}, {done.state}"
    return put_off(words, intent.attempts) if done.state is IntentState.PENDING else WorkOutcome(words)


async def _postpone_events(ports: Ports, events: Sequence[Event], why: str) -> None:
    """Postpone events; any that were located despite the failure stay unchanged."""
    for event in events:
        at = next_try_by_age(event.occurred_at, ports.now())
        await ports.ledger.record_event_failed(event, why, at)


async def _postpone_fetch(ports: Ports, stale: StaleSubscription | Backlog, why: str) -> None:
    if isinstance(stale, Backlog):
        return  # its subscriptions are due as before
    await ports.ledger.record_fetch_failed(stale, why, next_try(ports.now(), stale.attempts))


async def _postpone_member(ports: Ports, queued: QueuedMember, why: str) -> None:
    await ports.ledger.record_reconcile_failed(queued, why, next_try(ports.now(), queued.attempts))


async def _postpone_intent(ports: Ports, intent: Intent, why: str) -> None:
    latest = await ports.ledger.load_intent(intent.id) or intent
    if latest.state is IntentState.PENDING:
        tried = latest.attempts + 1
        later = replace(latest, attempts=tried, next_attempt_at=next_try(ports.now(), tried))
        await ports.ledger.record_intent_outcome(later, None, [])


async def _postpone_notice(ports: Ports, notice: Notice, why: str) -> None:
    await ports.ledger.record_notice_failed(notice.key, next_try_by_age(notice.created_at, ports.now()))


async def _postpone_panel(ports: Ports, panel: Panel, why: str) -> None:
    await ports.ledger.record_panel_failed(panel, next_try(ports.now(), panel.attempts))
