"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The Clock port implemented with the machine's clock."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()  # noqa: TID251 - the one real clock, which others stand in for

    async def sleep(self, seconds: float) -> None:
        """Sleep for real seconds."""
        await asyncio.sleep(seconds)
