"""The task that runs a stand-in's due jobs as its clock advances."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from standins.delivery import Clock

FAR = 3600.0  # seconds; the longest sleep


async def turn(clock: Clock, play: Callable[[], float], wake: asyncio.Event) -> None:
    """Run due jobs until cancelled: call `play`, then sleep until the next job is due.

    `play` returns that time in unix seconds. `wake` ends a sleep early.
    """
    while True:
        due = play()
        seconds = min(max(due - clock.now(), 0.05), FAR)
        wake.clear()
        sleepers = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(wake.wait())]
        try:
            await asyncio.wait(sleepers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sleeper in sleepers:
                sleeper.cancel()
