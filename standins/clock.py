"""A clock that tests and the sandbox turn forward by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import web


class MovableClock:
    """The Clock port over real time plus an offset that only grows.

    Sleepers wake as soon as turning the clock brings their moment near, so a bot that waits for the
    end of a billing period acts at once when the page jumps there.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset
        self._turned = asyncio.Event()

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Turn forward by `seconds`; ValueError when negative, for time does not run back."""
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
    """Let every answer's Date header be by this clock; aiohttp knows the machine's alone."""

    async def date(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Date"] = formatdate(now(), usegmt=True)

    app.on_response_prepare.append(date)
