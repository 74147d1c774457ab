"""What goes on by itself: the ledger's open work is taken up at once, several pieces at a time."""

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
# A machine that slept goes on with the rest of each sleep as if no time had passed, and a clock may be set.
LONGEST_WAIT = 30.0
SWEEP_AGAIN = 300.0
BEAT = 240.0  # seconds between two words in the ledger that it is in use
# A task, a look at what waits and a line of log for each were 7 % of what an event takes to a role (bench/).
LOCATED_AT_ONCE = 16


_Load = Callable[[int, int], Awaitable[list[Any]]]
_Key = Callable[[Any], Hashable]


@dataclass(frozen=True)
class WorkQueue:
    """One kind of work: where it waits, how one piece is done, and how many at a time.

    `key` tells pieces that must not run side by side; a piece in the works is not taken up again.
    `postpone` keeps a piece that could not be done, with why, behind the others.
    """

    name: QueueName
    load: _Load
    handle: Callable[[Any], Awaitable[WorkOutcome]]
    key: _Key
    width: int
    postpone: Callable[[Any, str], Awaitable[None]]


def work_queues(ports: Ports) -> list[WorkQueue]:
    """From a stored event to a role, and what people are told of it."""

    def lane(
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
        lane(QueueName.LOCATE, 4, partial(_load_events, ports), _events, locate_events, _postpone_events),
        lane(QueueName.SYNC, 16, ledger.load_stale, attrgetter("key"), sync_subscription, _postpone_fetch),
        lane(QueueName.RECONCILE, 16, ledger.load_marked, _member, reconcile_member, _postpone_member),
        lane(
            QueueName.EXECUTE_INTENT, 4, ledger.load_intents, attrgetter("key"), _carry_out, _postpone_intent
        ),
        lane(QueueName.DELIVER, 4, ledger.load_notices, _recipient, deliver_notice, _postpone_notice),
    ]


async def _carry_out(ports: Ports, intent: Intent) -> WorkOutcome:
    """The log is told no more of a wish: its reason is somebody's own words."""
    done = await execute_intent(ports, intent)
    words = f"{done.kind}, {done.state}"
    return put_off(words, intent.attempts) if done.state is IntentState.PENDING else WorkOutcome(words)


async def _load_events(ports: Ports, at: int, limit: int) -> list[list[Event]]:
    """Each a piece, but for those that name their subscription and so need no call: they are one together."""
    events = await ports.ledger.load_pending_events(at, max(limit, LOCATED_AT_ONCE))
    named = [event for event in events if names_subscription(event)]
    return [named] * bool(named) + [[event] for event in events if not names_subscription(event)]


async def _postpone_events(ports: Ports, events: Sequence[Event], why: str) -> None:
    """Those that were located after all are left as they are."""
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
    """Of one dispute one at a time: where it stands is not asked again later."""
    event = events[0]
    if names_subscription(event):
        return "those that name their subscription"
    disputed = event.subject is not None and event.subject.kind == "dispute"
    return (event.provider, event.account, event.subject if disputed else event.id)


def _finished(
    running: dict[Hashable, asyncio.Task[None]], key: Hashable, wake: asyncio.Event, _: asyncio.Task[None]
) -> None:
    running.pop(key, None)
    wake.set()


def _member(mark: Any) -> Hashable:
    return (mark.guild_id, mark.member_id)


def _ids(piece: object) -> Ids:
    """What a piece of work is about, for the log."""
    match piece:
        case StaleSubscription():
            return {"subscription": piece.key, "event": piece.evidence}
        case MemberMark():
            return {"server": piece.guild_id, "member": piece.member_id}
        case Intent():
            return {"intent": piece.id, "subscription": piece.key}
        case Notice():
            return {"notice": piece.key, "server": piece.guild_id, "member": piece.member_id}
        case list():
            return {"event": ",".join(event.id for event in piece)}
        case _:
            raise TypeError(piece)


def _recipient(notice: Notice) -> Hashable:
    return (notice.guild_id, notice.member_id)


class Worker:
    """Runs every lane, the timer and the sweep until it is closed.

    `wake` tells that the ledger may hold new work. A fault in one piece is logged and holds up nothing
    else; the piece stays in the ledger and is tried again.
    """

    def __init__(self, ports: Ports, sync_interval: float) -> None:
        self._ports = ports
        self._sync_interval = sync_interval
        self._wakes = {lane.name: asyncio.Event() for lane in work_queues(ports)}
        self._timer = asyncio.Event()
        self._begun = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Let every queue and the timer look into the ledger. Call it on the event loop after any commit."""
        for wake in self._wakes.values():
            wake.set()
        self._timer.set()

    def start(self) -> None:
        """Begin; Discord must be ready to take calls."""
        runs = [self._run_lane(lane) for lane in work_queues(self._ports)]
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
        """Nothing is done before it is known how old the ledger is; from then on it says when it was used."""
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
        """Stop taking up work and let what runs finish, for at most `patience` real seconds."""
        if self._begun.is_set():
            await self._beat()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()  # and with it, what it still waits for
            await asyncio.gather(*late, return_exceptions=True)

    async def _run_lane(self, lane: WorkQueue) -> None:
        await self._begun.wait()
        wake = self._wakes[lane.name]
        running: dict[Hashable, asyncio.Task[None]] = {}
        try:
            while True:
                wake.clear()
                await self._fill(lane, running, wake)
                await wake.wait()
        finally:
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _fill(
        self, lane: WorkQueue, running: dict[Hashable, asyncio.Task[None]], wake: asyncio.Event
    ) -> None:
        """Take up pieces until the lane is full or nothing waits.

        A piece that ends while the ledger is read may be in the answer still, so what ran before is left
        out too; its end wakes the lane again.
        """
        room = lane.width - len(running)
        if room > 0:
            seen = set(running)
            for piece in await self._load(lane, lane.width + len(running)):
                key = lane.key(piece)
                if key not in seen and len(running) < lane.width:
                    seen.add(key)
                    running[key] = asyncio.create_task(self._handle(lane, piece))
                    running[key].add_done_callback(partial(_finished, running, key, wake))
                    # Each begins in a turn of its own, or commands would wait for all of them together.
                    await asyncio.sleep(0)

    async def _load(self, lane: WorkQueue, limit: int) -> list[Any]:
        try:
            return await lane.load(self._ports.now(), limit)
        except DuesError as error:
            log.warning("%s: cannot read what waits: %s", lane.name, error)
            await self._ports.clock.sleep(RETRY_SECONDS)
            self._wakes[lane.name].set()
            return []

    async def _handle(self, lane: WorkQueue, piece: Any) -> None:
        started = asyncio.get_running_loop().time()
        try:
            outcome = await lane.handle(piece)
        except DuesError as error:
            outcome = put_off(f"{type(error).__name__}: {error}", getattr(piece, "attempts", 0))
            await self._postpone(lane, piece, outcome.words)
        except Exception as error:
            # One piece's fault must not end the lane for all others.
            outcome = put_off(type(error).__name__, getattr(piece, "attempts", 0))
            log.exception("%s: fault with %s", lane.name, lane.key(piece))
            await self._postpone(lane, piece, outcome.words)
        took = (asyncio.get_running_loop().time() - started) * 1000
        level = logging.WARNING if outcome.is_news else logging.INFO
        ids = {"ids": _ids(piece) | outcome.ids}
        log.log(level, "%s: %s in %.1f ms", lane.name, outcome.words, took, extra=ids)

    async def _postpone(self, lane: WorkQueue, piece: Any, why: str) -> None:
        """Behind the others, or a few pieces at fault would fill the lane for good."""
        try:
            await lane.postpone(piece, why)
        except DuesError as error:
            log.warning("%s: cannot put %s off: %s", lane.name, lane.key(piece), error)
            await self._ports.clock.sleep(RETRY_SECONDS)

    async def _run_timer(self) -> None:
        """Marks the members whose paid time ends, and wakes the lanes when a retry is due.

        Once a second at most, which is as finely as the ledger tells times: nothing that is recorded
        within a second falls due in it.
        """
        await self._begun.wait()
        done = 0
        while True:
            while done == self._ports.now():
                await self._ports.clock.sleep(done + 1 - self._ports.clock.now())
            self.wake()  # for retries that the second brought
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
        """Until then, or until there is new work."""
        sleep = asyncio.ensure_future(self._ports.clock.sleep(seconds))
        woken = asyncio.ensure_future(self._timer.wait())
        try:
            await asyncio.wait([sleep, woken], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            woken.cancel()

    async def _run_sweeps(self) -> None:
        """At the start, then at the owner's interval; sooner after one that met a fault.

        What waits for its next try is tried at once at the start, as nothing is known of what kept it; and
        when every provider has answered. A wish that somebody may be waiting for is left to them.
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
        """Until the clock shows a moment so much later, or one that lies before this one."""
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
        """At the start, then at the owner's interval: what became of a price whose notification was lost
        shows nowhere else."""
        while True:
            try:
                await refresh_prices(self._ports)
            except Exception:
                log.exception("prices: fault")
            await self._rest(self._sync_interval)
