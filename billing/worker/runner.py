"""Processes the ledger's open work as soon as it appears, several items at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

from billing.errors import DuesError
from billing.model import Event, Intent, IntentState, MemberMark, Notice
from billing.ports import Ports, QueueName, StaleSubscription
from billing.rules.backoff import next_try, next_try_by_age
from billing.use_cases.cancel import PATIENCE
from billing.use_cases.deliver_notice import deliver_notice
from billing.use_cases.execute_intent import execute_intent
from billing.use_cases.look_up_checkout import watch_returns
from billing.use_cases.reconcile import reconcile_member
from billing.use_cases.refresh_prices import refresh_prices
from billing.use_cases.restored_ledger import begin
from billing.use_cases.sweep import sweep
from billing.use_cases.sync import locate_events, names_subscription, sync_subscription
from billing.use_cases.webhook_health import watch_arrivals
from billing.work_outcome import Ids, WorkOutcome, put_off

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
# A machine that slept resumes each sleep as if no time had passed, and the clock may be set.
LONGEST_WAIT = 30.0
SWEEP_AGAIN = 300.0
BEAT = 240.0  # seconds between two records in the ledger that it is in use
# A task, a ledger read and a log line for each event took 7 % of the time from event to role (bench/).
LOCATED_AT_ONCE = 16


_Load = Callable[[int, int], Awaitable[list[Any]]]
_Key = Callable[[Any], Hashable]


@dataclass(frozen=True)
class WorkQueue:
    """One kind of work: where it waits, how one item is handled, and how many run at a time (`width`).

    `key`: items with equal keys never run at the same time; an item in progress is not taken up again.
    `postpone`: moves an item that failed, with the reason, behind the others.
    """

    name: QueueName
    load: _Load
    handle: Callable[[Any], Awaitable[WorkOutcome]]
    key: _Key
    width: int
    postpone: Callable[[Any, str], Awaitable[None]]


def work_queues(ports: Ports) -> list[WorkQueue]:
    """All queues, from stored events to roles and notices."""

    def queue(
        name: QueueName,
        width: int,
        load: _Load,
        key: _Key,
        handle: Callable[..., Any],
        postpone: Callable[..., Any],
    ) -> WorkQueue:
        return WorkQueue(name, load, partial(handle, ports), key, width, partial(postpone, ports))

    ledger = ports.ledger
    return [
        queue(QueueName.LOCATE, 4, partial(_load_events, ports), _events, locate_events, _postpone_events),
        queue(QueueName.SYNC, 16, ledger.load_stale, attrgetter("key"), sync_subscription, _postpone_fetch),
        queue(QueueName.RECONCILE, 16, ledger.load_marked, _member, reconcile_member, _postpone_member),
        queue(
            QueueName.EXECUTE_INTENT,
            4,
            ledger.load_intents,
            attrgetter("key"),
            _execute_intent,
            _postpone_intent,
        ),
        queue(QueueName.DELIVER, 4, ledger.load_notices, _recipient, deliver_notice, _postpone_notice),
    ]


async def _execute_intent(ports: Ports, intent: Intent) -> WorkOutcome:
    """Execute an intent. The log shows only its kind and state, because its reason is a person's own
    words."""
    done = await execute_intent(ports, intent)
    words = f"{done.kind}, {done.state}"
    return put_off(words, intent.attempts) if done.state is IntentState.PENDING else WorkOutcome(words)


async def _load_events(ports: Ports, at: int, limit: int) -> list[list[Event]]:
    """Load pending events as work items. Events that name their subscription need no call and form one item;
    every other event is an item of its own."""
    events = await ports.ledger.load_pending_events(at, max(limit, LOCATED_AT_ONCE))
    named = [event for event in events if names_subscription(event)]
    return [named] * bool(named) + [[event] for event in events if not names_subscription(event)]


async def _postpone_events(ports: Ports, events: Sequence[Event], why: str) -> None:
    """Postpone events; those that were located nevertheless stay unchanged."""
    for event in events:
        at = next_try_by_age(event.occurred_at, ports.now())
        await ports.ledger.record_event_failed(event, why, at)


async def _postpone_fetch(ports: Ports, stale: StaleSubscription, why: str) -> None:
    await ports.ledger.record_fetch_failed(stale, why, next_try(ports.now(), stale.attempts))


async def _postpone_member(ports: Ports, mark: MemberMark, why: str) -> None:
    await ports.ledger.record_reconcile_failed(mark, why, next_try(ports.now(), mark.attempts))


async def _postpone_intent(ports: Ports, intent: Intent, why: str) -> None:
    latest = await ports.ledger.load_intent(intent.id) or intent
    if latest.state is IntentState.PENDING:
        tried = latest.attempts + 1
        later = replace(latest, attempts=tried, next_attempt_at=next_try(ports.now(), tried))
        await ports.ledger.record_intent_outcome(later, None, [])


async def _postpone_notice(ports: Ports, notice: Notice, why: str) -> None:
    await ports.ledger.record_notice_failed(notice.key, next_try_by_age(notice.created_at, ports.now()))


def _events(events: Sequence[Event]) -> Hashable:
    """The key of an item of events. Events of one dispute run one at a time, because its state is not asked
    for again later."""
    event = events[0]
    if names_subscription(event):
        return "named"
    disputed = event.subject is not None and event.subject.kind == "dispute"
    return (event.provider, event.account, event.subject if disputed else event.id)


def _finished(
    running: dict[Hashable, asyncio.Task[None]], key: Hashable, wake: asyncio.Event, _: asyncio.Task[None]
) -> None:
    running.pop(key, None)
    wake.set()


def _member(mark: Any) -> Hashable:
    return (mark.guild_id, mark.member_id)


def _ids(item: object) -> Ids:
    """The ids of a work item, for the log."""
    match item:
        case StaleSubscription():
            return {"subscription": item.key, "event": item.evidence}
        case MemberMark():
            return {"server": item.guild_id, "member": item.member_id}
        case Intent():
            return {"intent": item.id, "subscription": item.key}
        case Notice():
            return {"notice": item.key, "server": item.guild_id, "member": item.member_id}
        case list():
            return {"event": ",".join(event.id for event in item)}
        case _:
            raise TypeError(item)


def _recipient(notice: Notice) -> Hashable:
    return (notice.guild_id, notice.member_id)


class Worker:
    """Runs every queue, the timer and the sweep until it is closed.

    `wake` signals that the ledger may hold new work. An error in one item is logged and holds up nothing
    else; the item stays in the ledger and is tried again.
    """

    def __init__(self, ports: Ports, sync_interval: float) -> None:
        self._ports = ports
        self._sync_interval = sync_interval
        self._wakes = {queue.name: asyncio.Event() for queue in work_queues(ports)}
        self._timer = asyncio.Event()
        self._begun = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Let every queue and the timer look into the ledger. Call it on the event loop after any commit."""
        for wake in self._wakes.values():
            wake.set()
        self._timer.set()

    def start(self) -> None:
        """Start all tasks; Discord must already accept calls."""
        runs = [self._run_queue(queue) for queue in work_queues(self._ports)]
        runs += [
            self._begin(),
            self._run_timer(),
            self._run_sweeps(),
            self._refresh_prices(),
            watch_arrivals(self._ports),
        ]
        runs += [watch_returns(self._ports)]
        self._tasks = [asyncio.create_task(run) for run in runs]

    async def _begin(self) -> None:
        """Find out how old the ledger is before any work starts, then record regularly that it is in use."""
        while not self._begun.is_set():
            try:
                await begin(self._ports, self._sync_interval)
            except DuesError as error:
                log.warning("the ledger cannot be begun with: %s", error)
                await self._ports.clock.sleep(RETRY_SECONDS)
            else:
                self._begun.set()
        while True:
            await self._ports.clock.sleep(BEAT)
            await self._beat()

    async def _beat(self) -> None:
        with suppress(DuesError):
            await self._ports.ledger.record_value("written", str(self._ports.now()))

    async def close(self, patience: float) -> None:
        """Stop taking up work and let running items finish, for at most `patience` real seconds."""
        if self._begun.is_set():
            await self._beat()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()  # also cancels what it still waits for
            await asyncio.gather(*late, return_exceptions=True)

    async def _run_queue(self, queue: WorkQueue) -> None:
        await self._begun.wait()
        wake = self._wakes[queue.name]
        running: dict[Hashable, asyncio.Task[None]] = {}
        try:
            while True:
                wake.clear()
                await self._fill(queue, running, wake)
                await wake.wait()
        finally:
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _fill(
        self, queue: WorkQueue, running: dict[Hashable, asyncio.Task[None]], wake: asyncio.Event
    ) -> None:
        """Start items until the queue is full or nothing is waiting.

        An item that ends during the load may still be in its result, so items that were running before it are
        skipped too; their end wakes the queue again.
        """
        room = queue.width - len(running)
        if room > 0:
            seen = set(running)
            for item in await self._load(queue, queue.width + len(running)):
                key = queue.key(item)
                if key not in seen and len(running) < queue.width:
                    seen.add(key)
                    running[key] = asyncio.create_task(self._handle(queue, item))
                    running[key].add_done_callback(partial(_finished, running, key, wake))
                    # Start each item in its own turn of the loop, so that commands do not wait for all of
                    # them together.
                    await asyncio.sleep(0)

    async def _load(self, queue: WorkQueue, limit: int) -> list[Any]:
        try:
            return await queue.load(self._ports.now(), limit)
        except DuesError as error:
            log.warning("%s: cannot read what waits: %s", queue.name, error)
            await self._ports.clock.sleep(RETRY_SECONDS)
            self._wakes[queue.name].set()
            return []

    async def _handle(self, queue: WorkQueue, item: Any) -> None:
        started = asyncio.get_running_loop().time()
        try:
            outcome = await queue.handle(item)
        except DuesError as error:
            outcome = put_off(f"{type(error).__name__}: {error}", getattr(item, "attempts", 0))
            await self._postpone(queue, item, outcome.words)
        except Exception as error:
            # An error in one item must not end the queue for all others.
            outcome = put_off(type(error).__name__, getattr(item, "attempts", 0))
            log.exception("%s: fault with %s", queue.name, queue.key(item))
            await self._postpone(queue, item, outcome.words)
        took = (asyncio.get_running_loop().time() - started) * 1000
        level = logging.WARNING if outcome.is_news else logging.INFO
        ids = {"ids": _ids(item) | outcome.ids}
        log.log(level, "%s: %s in %.1f ms", queue.name, outcome.words, took, extra=ids)

    async def _postpone(self, queue: WorkQueue, item: Any, why: str) -> None:
        """Move a failed item behind the others, so that a few failing items cannot fill the queue for
        good."""
        try:
            await queue.postpone(item, why)
        except DuesError as error:
            log.warning("%s: cannot put %s off: %s", queue.name, queue.key(item), error)
            await self._ports.clock.sleep(RETRY_SECONDS)

    async def _run_timer(self) -> None:
        """Queue members whose paid time ends, and wake the queues when a retry is due.

        Runs at most once a second, the resolution of the ledger's times: nothing recorded within a second
        falls due within it.
        """
        await self._begun.wait()
        done = 0
        while True:
            while done == self._ports.now():
                await self._ports.clock.sleep(done + 1 - self._ports.clock.now())
            self.wake()  # for retries that became due in this second
            self._timer.clear()
            done = now = self._ports.now()
            try:
                await self._ports.ledger.record_due(now)
                next_due = await self._ports.ledger.load_next_due(now)
            except DuesError as error:
                log.warning("timer: %s", error)
                next_due = now + int(RETRY_SECONDS)
            left = LONGEST_WAIT if next_due is None else next_due - self._ports.clock.now()
            await self._sleep(min(max(left, 0.0), LONGEST_WAIT))

    async def _sleep(self, seconds: float) -> None:
        """Sleep until this time has passed or there is new work."""
        sleep = asyncio.ensure_future(self._ports.clock.sleep(seconds))
        woken = asyncio.ensure_future(self._timer.wait())
        try:
            await asyncio.wait([sleep, woken], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            woken.cancel()

    async def _run_sweeps(self) -> None:
        """Sweep at the start and then at the owner's interval; sooner after a sweep that failed.

        At the start, retry everything that is waiting, because the program does not know what delayed it; and
        again whenever every provider has answered. Leave out recent intents for which somebody may be
        waiting.
        """
        await self._begun.wait()
        await self._retry(patience=0)
        while True:
            rest = self._sync_interval
            try:
                faults = await sweep(self._ports)
                for fault in faults:
                    log.warning("sweep: %s", fault)
                    rest = min(rest, SWEEP_AGAIN)
                if not faults:
                    await self._retry(PATIENCE)
            except DuesError as error:
                log.warning("sweep: %s", error)
                rest = min(rest, SWEEP_AGAIN)
            except Exception:
                log.exception("sweep: fault")
                rest = min(rest, SWEEP_AGAIN)
            await self._rest(rest)

    async def _rest(self, seconds: float) -> None:
        """Sleep until the clock is `seconds` later, or has been set back to before the start."""
        clock, begun = self._ports.clock, self._ports.clock.now()
        while begun <= clock.now() < begun + seconds:
            await clock.sleep(min(LONGEST_WAIT, begun + seconds - clock.now()))

    async def _retry(self, patience: int) -> None:
        now = self._ports.now()
        try:
            await self._ports.ledger.record_retry(now, now - patience)
        except DuesError as error:
            log.warning("retry: %s", error)

    async def _refresh_prices(self) -> None:
        """Refresh prices at the start and then at the owner's interval, in case the notification of a changed
        price was lost."""
        while True:
            try:
                await refresh_prices(self._ports)
            except Exception:
                log.exception("prices: fault")
            await self._rest(self._sync_interval)
