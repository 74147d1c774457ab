"""A clock that tests and the sandbox can advance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import web


class MovableClock:
    """A Clock: real time plus an offset that only grows.

    A sleeping task wakes as soon as an advance reaches its time, so a bot that waits for the end of a
    billing period acts at once when the sandbox's page jumps there.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset
        self._turned = asyncio.Event()

    def now(self) -> float:
        """Return the current time in unix seconds, UTC."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the clock by `seconds`. Raises ValueError if they are negative."""
        if seconds < 0:
            raise ValueError("A clock is only turned forward.")
        self._offset += seconds
        self._turned.set()
        self._turned = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed on this clock."""
        wake_at = self.now() + seconds
        while (left := wake_at - self.now()) > 0:
            try:
                await asyncio.wait_for(self._turned.wait(), left)
            except TimeoutError:
                return


def date_answers(app: web.Application, now: Callable[[], float]) -> None:
    """Set the Date header of every answer from this clock, because aiohttp would use the machine's clock."""

    async def date(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Date"] = formatdate(now(), usegmt=True)

    app.on_response_prepare.append(date)
