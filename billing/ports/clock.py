"""The source of the current time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The source of the current time."""

    def now(self) -> float:
        """Return the current time in unix seconds."""

    async def sleep(self, seconds: float) -> None:
        """Return once this many seconds have passed on this clock."""
