"""Trouble to order: rate limits, errors, lost answers, slow answers, answers that lie."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

RATE_LIMIT, STATUS, LOST, SWALLOW, HANG_UP, HOLD = (
    "rate_limit",
    "status",
    "lost",
    "swallow",
    "hang_up",
    "hold",
)


@dataclass(eq=False)
class Fault:
    """One arranged trouble. `left` counts how often it may still strike (None: always),
    `struck` how often it did.

    A held request waits for `release()`.
    """

    kind: str
    method: str
    path: str
    left: int | None
    status: int = 500
    retry_after: float = 0.0
    is_global: bool = False
    via: bool = True
    struck: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_struck(self) -> None:
        """Wait until the first request has met this fault."""
        await self._reached.wait()

    def release(self) -> None:
        """Let held requests go on, those that come later as well."""
        self._released.set()

    async def released(self) -> None:
        """Wait for `release()`."""
        await self._released.wait()

    def strike(self) -> None:
        """Count one request."""
        self.struck += 1
        if self.left is not None:
            self.left -= 1
        self._reached.set()


class Faults:
    """The list of arranged troubles. `path` is below /api/v10, with * for any part, as "/guilds/*/roles"."""

    def __init__(self) -> None:
        self._arranged: list[Fault] = []

    def rate_limit(
        self,
        method: str = "*",
        path: str = "*",
        *,
        retry_after: float = 0.1,
        is_global: bool = False,
        via: bool = True,
        times: int | None = 1,
    ) -> Fault:
        """Answer 429. Without `via` it looks like a ban by Discord's edge, which clients do not retry."""
        return self._add(
            Fault(RATE_LIMIT, method, path, times, 429, retry_after, is_global=is_global, via=via)
        )

    def fail(self, method: str = "*", path: str = "*", status: int = 500, *, times: int | None = 1) -> Fault:
        """Answer with a status and do nothing: Discord's own 5xx, or the page of what stands before it and
        blocks an address (200, 4xx)."""
        return self._add(Fault(STATUS, method, path, times, status))

    def lose_answer(
        self, method: str = "*", path: str = "*", status: int = 502, *, times: int | None = 1
    ) -> Fault:
        """Do what was asked, but answer with an error status."""
        return self._add(Fault(LOST, method, path, times, status))

    def swallow(self, method: str = "*", path: str = "*", *, times: int | None = 1) -> Fault:
        """Answer 204 and do nothing."""
        return self._add(Fault(SWALLOW, method, path, times, 204))

    def hang_up(self, method: str = "*", path: str = "*", *, times: int | None = 1) -> Fault:
        """Close the connection without an answer."""
        return self._add(Fault(HANG_UP, method, path, times))

    def hold(self, method: str = "*", path: str = "*", *, times: int | None = 1) -> Fault:
        """Leave the request waiting, before anything is done, until the fault is released."""
        return self._add(Fault(HOLD, method, path, times))

    def clear(self) -> None:
        """Forget everything arranged; held requests go on."""
        for fault in self._arranged:
            fault.release()
        self._arranged.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that meets this request, counted; None when it is spared."""
        for fault in self._arranged:
            hit = fault.method in ("*", method) and fnmatchcase(path, fault.path)
            if hit and (fault.left is None or fault.left > 0):
                fault.strike()
                return fault
        return None

    def _add(self, fault: Fault) -> Fault:
        self._arranged.append(fault)
        return fault
