"""Which payment pages were looked at just now: whoever asks again meanwhile gets the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum

REST = 10  # seconds between two looks at one page
_MANY = 1_000


class LookAnswer(Enum):
    """What came of a page: something is agreed and recorded; nothing final yet; the provider did not say."""

    DONE = "done"
    OPEN = "open"
    UNSURE = "unsure"


class RecentLooks:
    """By a checkout's id. In memory alone: after a start each may be looked at again."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[float, asyncio.Task[LookAnswer]]] = {}

    async def take(
        self, what: str, at: float, look: Callable[[], Coroutine[object, object, LookAnswer]]
    ) -> LookAnswer:
        """The answer of this look, or of the one that was begun less than REST seconds ago."""
        known = self._taken.get(what)
        if known is None or at >= known[0] + REST:
            if len(self._taken) >= _MANY:
                self._taken = {k: v for k, v in self._taken.items() if at < v[0] + REST or not v[1].done()}
            known = self._taken[what] = (at, asyncio.create_task(look()))
        return await asyncio.shield(known[1])
