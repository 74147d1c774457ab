"""Processes the ledger's open work as soon as it appears, several items at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from typing import Any

from billing.errors import DuesError
from billing.ports import Ports, QueueName
from billing.priority import Priority, prioritized
from billing.work_outcome import WorkOutcome, put_off
from billing.worker.queues import WorkQueue, ids_of, work_queues
from billing.worker.schedule import RETRY_SECONDS, Schedule

log = logging.getLogger(__name__)

_Running = dict[Hashable, asyncio.Task[None]]


class Worker:
    """Runs every queue and the schedule until it is closed.

    `wake` signals that the ledger may contain new work. An error in one item is logged and delays nothing
    else; the item stays in the ledger and is tried again.
    """

    def __init__(self, ports: Ports, sync_interval: float) -> None:
        self._ports = ports
        self._wakes = {name: asyncio.Event() for name in QueueName}
        self._schedule = Schedule(ports, sync_interval, self.wake)
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Make every queue and the timer check the ledger.

        To be called on the event loop after any commit.
        """
        for wake in self._wakes.values():
            wake.set()
        self._schedule.wake()

    def start(self) -> None:
        """Start all tasks; Discord must already accept calls."""
        runs = [self._run_queue(queue) for queue in work_queues(self._ports)] + self._schedule.runs()
        with prioritized(Priority.ROUTINE):  # a queue names the priority of its items
            self._tasks = [asyncio.create_task(run) for run in runs]

    async def close(self, patience: float) -> None:
        """Stop starting work and let running items finish, for at most `patience` real seconds."""
        if self._schedule.begun.is_set():
            await self._schedule.beat()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()  # also cancels what it still waits for
            await asyncio.gather(*late, return_exceptions=True)

    async def _run_queue(self, queue: WorkQueue) -> None:
        await self._schedule.begun.wait()
        wake = self._wakes[queue.name]
        running: _Running = {}
        try:
            while True:
                wake.clear()
                await self._fill(queue, running)
                await wake.wait()
        finally:
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _fill(self, queue: WorkQueue, running: _Running) -> None:
        """Start items until the queue is full or nothing is waiting.

        An item that ends during the load may still be in its result, so items that were running before it are
        skipped too; when they end, they wake the queue again.
        """
        if len(running) >= queue.width:
            return
        seen = set(running)
        try:
            items = await queue.load(self._ports.now(), queue.width + len(running))
        except DuesError as error:
            log.warning("%s: cannot read what waits: %s", queue.name, error)
            await self._ports.clock.sleep(RETRY_SECONDS)
            self._wakes[queue.name].set()
            return
        for item in items:
            key = queue.key(item)
            if key not in seen and len(running) < queue.width:
                seen.add(key)
                running[key] = asyncio.create_task(self._handle(queue, key, item, running))
                # Start each item in its own turn of the loop, so that commands do not wait for all of
                # them together.
                await asyncio.sleep(0)

    async def _handle(self, queue: WorkQueue, key: Hashable, item: Any, running: _Running) -> None:
        started = asyncio.get_running_loop().time()
        try:
            with prioritized(getattr(item, "priority", queue.priority)):
                outcome = await queue.handle(item)
        except DuesError as error:
            outcome = await self._postpone(queue, item, f"{type(error).__name__}: {error}")
        except Exception as error:
            # An error in one item must not end the queue for all others.
            log.exception("%s: fault with %s", queue.name, key)
            outcome = await self._postpone(queue, item, type(error).__name__)
        finally:
            del running[key]
            self._wakes[queue.name].set()
        took = (asyncio.get_running_loop().time() - started) * 1000
        level = logging.WARNING if outcome.is_news else logging.INFO
        ids = {"ids": ids_of(item) | outcome.ids}
        log.log(level, "%s: %s in %.1f ms", queue.name, outcome.words, took, extra=ids)

    async def _postpone(self, queue: WorkQueue, item: Any, why: str) -> WorkOutcome:
        """Move a failed item behind the others; return the outcome to log.

        Otherwise, a few failing items could fill the queue permanently.
        """
        outcome = put_off(why, getattr(item, "attempts", 0))
        try:
            await queue.postpone(item, outcome.words)
        except DuesError as error:
            log.warning("%s: cannot put %s off: %s", queue.name, queue.key(item), error)
            await self._ports.clock.sleep(RETRY_SECONDS)
        return outcome
