"""Short work that many ask for at the same moment, done in one go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# So many in one turn of the event loop: a crowd's would hold up everybody else.
AT_ONCE = 16


class Together(Generic[P, T]):
    """What is asked for in one turn of the event loop, or the next, is done in one go, one after another.

    Between other work it would find the processor's caches cold each time: a handler that authenticates so
    and stores nothing answers a sixth more notifications (bench/, 64 connections). What comes a turn later is
    what the socket brought while the first was taken on; it then shares its commit, too, and the slowest
    answers at 1,000 notifications a second take a tenth less.
    """

    def __init__(self, work: Callable[P, T]) -> None:
        self._work = work
        self._asked: deque[tuple[Callable[[], T], asyncio.Future[T]]] = deque()

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work returns or raises for these."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(loop.call_soon, self._do, loop)
        answer: asyncio.Future[T] = loop.create_future()
        self._asked.append((partial(self._work, *args, **kwargs), answer))
        return await answer

    def _do(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(AT_ONCE, len(self._asked))):
            work, answer = self._asked.popleft()
            if answer.done():  # nobody waits any more
                continue
            try:
                answer.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is for those who asked
                answer.set_exception(error)
        if self._asked:
            loop.call_soon(self._do, loop)
