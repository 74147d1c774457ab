"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Implements the Clock port with the machine's clock."""

    def now(self) -> float:
        """Return the current time in unix seconds (UTC)."""
        return time.time()  # noqa: TID251 - the one real clock, which others stand in for

    async def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds."""
        await asyncio.sleep(seconds)
