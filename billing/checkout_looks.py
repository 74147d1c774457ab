"""Recent status checks of payment pages, so that repeated requests within a few seconds share one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum

REST = 10  # seconds between two checks of one page
_MANY = 1_000


class LookAnswer(Enum):
    """The status of a payment page.

    `DONE`: the customer agreed to something, and it is recorded; `OPEN`: nothing is final yet; `UNSURE`: the
    provider gave no clear answer.
    """

    DONE = "done"
    OPEN = "open"
    UNSURE = "unsure"


class RecentLooks:
    """Recent checks by checkout id.

    Kept in memory only, so each page may be checked again after a restart.
    """

    def __init__(self) -> None:
        self._taken: dict[str, tuple[float, asyncio.Task[LookAnswer]]] = {}

    async def take(
        self, what: str, at: float, look: Callable[[], Coroutine[object, object, LookAnswer]]
    ) -> LookAnswer:
        """Run a new check, or return the answer of one that started less than REST seconds ago."""
        known = self._taken.get(what)
        if known is None or at >= known[0] + REST:
            if len(self._taken) >= _MANY:
                self._taken = {k: v for k, v in self._taken.items() if at < v[0] + REST or not v[1].done()}
            known = self._taken[what] = (at, asyncio.create_task(look()))
        return await asyncio.shield(known[1])
