"""What goes on by itself: the ledger's open work is taken up at once, several pieces at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

from billing.errors import DuesError
from billing.model import Notice
from billing.ports import Ports
from billing.use_cases.carry_out import carry_out
from billing.use_cases.converge import converge_member
from billing.use_cases.sweep import sweep
from billing.use_cases.sync import locate_event, sync_subscription
from billing.use_cases.tell import tell_notice

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
LONGEST_WAIT = 3_600.0


@dataclass(frozen=True)
class Lane:
    """One kind of work: where it waits, how one piece is done, and how many at a time.

    `key` tells pieces that must not run side by side; a piece in the works is not taken up again.
    """

    name: str
    load: Callable[[int, int], Awaitable[list[Any]]]
    handle: Callable[[Any], Awaitable[object]]
    key: Callable[[Any], Hashable]
    width: int


def lanes(ports: Ports) -> list[Lane]:
    """From a stored event to a role, and what people are told of it."""
    ledger = ports.ledger
    return [
        Lane(
            "locate",
            ledger.load_pending_events,
            partial(locate_event, ports),
            lambda e: (e.provider, e.id),
            4,
        ),
        Lane("sync", ledger.load_stale, partial(sync_subscription, ports), lambda s: s.key, 16),
        Lane("converge", ledger.load_marked, partial(converge_member, ports), _member, 16),
        Lane("carry out", ledger.load_intents, partial(carry_out, ports), lambda i: i.key, 4),
        Lane("tell", ledger.load_notices, partial(tell_notice, ports), _recipient, 4),
    ]


def _finished(
    running: dict[Hashable, asyncio.Task[None]], key: Hashable, wake: asyncio.Event, _: asyncio.Task[None]
) -> None:
    running.pop(key, None)
    wake.set()


def _member(mark: Any) -> Hashable:
    return (mark.guild_id, mark.member_id)


def _recipient(notice: Notice) -> Hashable:
    return (notice.guild_id, notice.member_id)


class Worker:
    """Runs every lane, the timer and the sweep until it is closed.

    `wake()` tells that the ledger may hold new work. A fault in one piece is logged and holds up nothing
    else; the piece stays in the ledger and is tried again.
    """

    def __init__(self, ports: Ports, sync_interval: float) -> None:
        self._ports = ports
        self._sync_interval = sync_interval
        self._wakes = {lane.name: asyncio.Event() for lane in lanes(ports)}
        self._timer = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """To be called on the event loop after any commit."""
        for event in (*self._wakes.values(), self._timer):
            event.set()

    def start(self) -> None:
        """Begin; Discord must be ready to take calls."""
        runs = [self._run_lane(lane) for lane in lanes(self._ports)]
        self._tasks = [asyncio.create_task(run) for run in (*runs, self._run_timer(), self._run_sweeps())]

    async def close(self, patience: float) -> None:
        """Stop taking up work and let what runs finish, for at most `patience` real seconds."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)

    async def _run_lane(self, lane: Lane) -> None:
        wake = self._wakes[lane.name]
        running: dict[Hashable, asyncio.Task[None]] = {}
        try:
            while True:
                wake.clear()
                full = await self._fill(lane, running, wake)
                waiting = [] if full else [asyncio.create_task(wake.wait())]
                await asyncio.wait([*running.values(), *waiting], return_when=asyncio.FIRST_COMPLETED)
                for task in waiting:
                    task.cancel()
        finally:
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _fill(
        self, lane: Lane, running: dict[Hashable, asyncio.Task[None]], wake: asyncio.Event
    ) -> bool:
        """Take up pieces until the lane is full or nothing waits; True when it is full."""
        room = lane.width - len(running)
        if room > 0:
            for piece in await self._load(lane, lane.width + len(running)):
                key = lane.key(piece)
                if key not in running and len(running) < lane.width:
                    running[key] = asyncio.create_task(self._handle(lane, piece))
                    running[key].add_done_callback(partial(_finished, running, key, wake))
        return len(running) >= lane.width

    async def _load(self, lane: Lane, limit: int) -> list[Any]:
        try:
            return await lane.load(self._ports.now(), limit)
        except DuesError as error:
            log.warning("%s: cannot read what waits: %s", lane.name, error)
            await self._ports.clock.sleep(RETRY_SECONDS)
            self._wakes[lane.name].set()
            return []

    async def _handle(self, lane: Lane, piece: Any) -> None:
        started = asyncio.get_running_loop().time()
        try:
            await lane.handle(piece)
            outcome = "done"
        except DuesError as error:
            outcome = f"{type(error).__name__}: {error}"
            await self._ports.clock.sleep(RETRY_SECONDS)
        except Exception:
            outcome = "fault"
            # One piece's fault must not end the lane for all others.
            log.exception("%s: fault with %s", lane.name, lane.key(piece))
            await self._ports.clock.sleep(RETRY_SECONDS)
        took = (asyncio.get_running_loop().time() - started) * 1000
        log.info("%s %s: %s in %.1f ms", lane.name, lane.key(piece), outcome, took)

    async def _run_timer(self) -> None:
        """Marks the members whose paid time ends, and wakes the lanes when a retry is due."""
        while True:
            self._timer.clear()
            now = self._ports.now()
            try:
                await self._ports.ledger.record_due(now)
                next_due = await self._ports.ledger.load_next_due(now)
            except DuesError as error:
                log.warning("timer: %s", error)
                next_due = now + int(RETRY_SECONDS)
            left = LONGEST_WAIT if next_due is None else next_due - self._ports.clock.now()
            if await self._slept(max(left, 0.0)):
                self.wake()

    async def _slept(self, seconds: float) -> bool:
        """Sleep; False when new work cut it short."""
        sleep = asyncio.ensure_future(self._ports.clock.sleep(seconds))
        woken = asyncio.ensure_future(self._timer.wait())
        try:
            await asyncio.wait([sleep, woken], return_when=asyncio.FIRST_COMPLETED)
            return sleep.done()
        finally:
            sleep.cancel()
            woken.cancel()

    async def _run_sweeps(self) -> None:
        """At the start, then at the owner's interval."""
        while True:
            try:
                for fault in await sweep(self._ports):
                    log.warning("sweep: %s", fault)
            except Exception:
                log.exception("sweep: fault")
            await self._ports.clock.sleep(self._sync_interval)
