"""Signals the page's server when something on the stage has changed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from sandbox.stage import Stage

LEDGER_LOOKS = 0.2  # real seconds between looks at the ledger, which cannot signal its changes
MINUTE = 60.0


class Pulse:
    """Signals every event in Discord or at a provider, commit to the ledger, and advance of the clock."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.next = asyncio.Event()  # is set by the next beat, and replaced
        self._tasks: list[asyncio.Task[None]] = []
        self._feeds: list[Any] = []

    def beat(self) -> None:
        """Signal to the page's server that something on the stage changed."""
        self.next.set()
        self.next = asyncio.Event()

    def start(self) -> None:
        """Start watching the stand-ins, the ledger and the clock."""
        sources = (self._stage.world, *self._stage.providers)
        feeds: list[asyncio.Queue[Any]] = [source.subscribe() for source in sources]
        self._feeds = list(zip(sources, feeds, strict=True))
        work = [*(self._follow(feed) for feed in feeds), self._look(), self._tick()]
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """Stop watching the stand-ins, the ledger and the clock."""
        while self._feeds:
            source, feed = self._feeds.pop()
            source.unsubscribe(feed)
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow(self, feed: asyncio.Queue[Any]) -> None:
        while True:
            await feed.get()
            self.beat()

    async def _look(self) -> None:
        seen = -1
        while True:
            if (version := self._stage.peek.version()) != seen:
                seen = version
                self.beat()
            await asyncio.sleep(LEDGER_LOOKS)

    async def _tick(self) -> None:
        while True:
            await self._stage.clock.sleep(MINUTE)
            self.beat()
