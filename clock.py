"""The one real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The Clock port over the machine's own clock."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()  # noqa: TID251 - the one real clock, which others stand in for

    async def sleep(self, seconds: float) -> None:
        """Real seconds."""
        await asyncio.sleep(seconds)
