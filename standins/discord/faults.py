"""Faults that a test can arrange: rate limits, errors, lost or slow answers, and false answers."""

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
    """One arranged fault.

    `left`: how often it may still occur (None: no limit). `struck`: how often it did. A held request waits
    for `release()`.
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
        """Wait until the fault has occurred for the first time."""
        await self._reached.wait()

    def release(self) -> None:
        """Let held requests continue, and stop holding later ones."""
        self._released.set()

    async def released(self) -> None:
        """Wait until `release()` is called."""
        await self._released.wait()

    def strike(self) -> None:
        """Count one request that met this fault."""
        self.struck += 1
        if self.left is not None:
            self.left -= 1
        self._reached.set()


class Faults:
    """The arranged faults.

    A `path` is relative to /api/v10, and * in it matches anything, as in "/guilds/*/roles".
    """

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
        """Answer 429.

        With `via` false it looks like a ban by Discord's edge servers, which clients do not retry.
        """
        return self._add(
            Fault(RATE_LIMIT, method, path, times, 429, retry_after, is_global=is_global, via=via)
        )

    def fail(self, method: str = "*", path: str = "*", status: int = 500, *, times: int | None = 1) -> Fault:
        """Answer with a status and do nothing.

        A 5xx is Discord's own answer. For 200 and 4xx the body is the page of a proxy in front of Discord
        that blocks an address.
        """
        return self._add(Fault(STATUS, method, path, times, status))

    def lose_answer(
        self, method: str = "*", path: str = "*", status: int = 502, *, times: int | None = 1
    ) -> Fault:
        """Carry out the request, but answer with an error status."""
        return self._add(Fault(LOST, method, path, times, status))

    def swallow(self, method: str = "*", path: str = "*", *, times: int | None = 1) -> Fault:
        """Answer 204, as if the request had succeeded, without carrying it out."""
        return self._add(Fault(SWALLOW, method, path, times, 204))

    def hang_up(self, method: str = "*", path: str = "*", *, times: int | None = 1) -> Fault:
        """Close the connection without carrying out the request or sending an answer."""
        return self._add(Fault(HANG_UP, method, path, times))

    def hold(self, method: str = "*", path: str = "*", *, times: int | None = 1) -> Fault:
        """Let the request wait, before it is carried out, until the fault is released."""
        return self._add(Fault(HOLD, method, path, times))

    def clear(self) -> None:
        """Remove all arranged faults; held requests continue."""
        for fault in self._arranged:
            fault.release()
        self._arranged.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches the request, and count it; None if no fault matches."""
        for fault in self._arranged:
            hit = fault.method in ("*", method) and fnmatchcase(path, fault.path)
            if hit and (fault.left is None or fault.left > 0):
                fault.strike()
                return fault
        return None

    def _add(self, fault: Fault) -> Fault:
        self._arranged.append(fault)
        return fault
