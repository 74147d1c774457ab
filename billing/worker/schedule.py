"""Runs work that starts by the clock: the timer for due items, the sweep, and the price refresh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from billing.errors import DuesError
from billing.ports import Ports
from billing.use_cases.cancel import PATIENCE
from billing.use_cases.look_up_checkout import watch_returns
from billing.use_cases.refresh_prices import refresh_prices
from billing.use_cases.restored_ledger import begin
from billing.use_cases.seed_calendar import seed_calendar
from billing.use_cases.sweep import sweep
from billing.use_cases.tell_sales import tell_sales
from billing.use_cases.webhook_health import watch_arrivals

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
# A machine that slept resumes each sleep as if no time had passed, and the clock may be set.
LONGEST_WAIT = 30.0
SWEEP_AGAIN = 300.0
GROUPED = 20.0  # seconds of which the news about sales are told together
BEAT = 240.0  # seconds between two records in the ledger that it is in use


class Schedule:
    """Runs the work that starts by the clock.

    `begun` is set once the age of the ledger is known; no work starts before that. `changed` informs the
    timer that something may be due earlier.
    """

    def __init__(self, ports: Ports, sync_interval: float, wake_queues: Callable[[], None]) -> None:
        self._ports = ports
        self._sync_interval = sync_interval
        self._wake_queues = wake_queues
        self.begun = asyncio.Event()
        self.changed = asyncio.Event()
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that the ledger has changed: something may fall due earlier, and there may be news."""
        self.changed.set()
        self._news.set()

    def runs(self) -> list[Coroutine[Any, Any, None]]:
        """Return one endless coroutine for each kind of work."""
        return [
            self._begin(),
            self._run_timer(),
            self._run_sweeps(),
            self._refresh_prices(),
            self._tell_sales(),
            watch_arrivals(self._ports),
            watch_returns(self._ports),
        ]

    async def _begin(self) -> None:
        """Find out how old the ledger is before any work starts, then record regularly that it is in use."""
        while not self.begun.is_set():
            try:
                await begin(self._ports, self._sync_interval)
            except DuesError as error:
                log.warning("the ledger cannot be begun with: %s", error)
                await self._ports.clock.sleep(RETRY_SECONDS)
            else:
                self.begun.set()
        while True:
            await self._ports.clock.sleep(BEAT)
            await self.beat()

    async def beat(self) -> None:
        """Record that the ledger is in use now."""
        with suppress(DuesError):
            await self._ports.ledger.record_value("written", str(self._ports.now()))

    async def _run_timer(self) -> None:
        """Queue members whose paid time ends, and wake the queues when a retry is due.

        It runs at most once a second, the resolution of the ledger's times: nothing recorded within a second
        is due within it.
        """
        await self.begun.wait()
        done = 0
        while True:
            while done == self._ports.now():
                await self._ports.clock.sleep(done + 1 - self._ports.clock.now())
            self._wake_queues()  # for retries that became due in this second
            self.changed.clear()
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
        """Sleep until this many seconds have passed or there is new work."""
        sleep = asyncio.ensure_future(self._ports.clock.sleep(seconds))
        changed = asyncio.ensure_future(self.changed.wait())
        try:
            await asyncio.wait([sleep, changed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            changed.cancel()

    async def _run_sweeps(self) -> None:
        """Sweep at the start and then at the owner's interval; sooner after a sweep that failed.

        Retry everything that is waiting at the start, because the program does not know what delayed it, and
        again whenever every provider has answered. In the latter case, leave out recent intents for which
        somebody may be waiting.
        """
        await self.begun.wait()
        await self._retry(patience=0)
        await self._seed_calendar()
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
        """Sleep until `seconds` have passed, or the clock has been set back to before the start."""
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
        """Refresh prices at the start and then at the owner's interval.

        The notification of a changed price may have been lost.
        """
        while True:
            try:
                await refresh_prices(self._ports)
            except Exception:
                log.exception("prices: fault")
            await self._rest(self._sync_interval)

    async def _tell_sales(self) -> None:
        """Queue news about sales for the admins who asked for it, combining what happened in the meantime."""
        await self.begun.wait()
        while True:
            self._news.clear()
            try:
                while await tell_sales(self._ports):
                    pass
            except DuesError as error:
                log.warning("sales news: %s", error)
            await self._news.wait()
            await self._ports.clock.sleep(GROUPED)

    async def _seed_calendar(self) -> None:
        try:
            await seed_calendar(self._ports)
        except DuesError as error:
            log.warning("the calendar of notices is seeded at the next start: %s", error)
