"""Faults that a test can arrange in the local Stripe or PayPal, before a request or after it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Kind = Literal[
    "hang_before",  # never answers; the request is not carried out
    "hang_after",  # never answers; the request is carried out
    "cut_before",  # cuts the connection; the request is not carried out
    "cut_after",  # cuts the connection; the request is carried out
    "status",  # answers with an error and does nothing; Stripe keeps a 500 under the idempotency key
    "status_after",  # answers with an error after carrying out the request; Stripe keeps that too
    "stall",  # holds the request, while it is worked on, until release()
    "empty",  # answers with a list without entries
    "slow",  # sends the body in small pieces
]


@dataclass
class Fault:
    kind: Kind
    method: str | None = None
    path: str = ""  # a regular expression that is searched for in the path
    times: int | None = 1  # None: until the fault is removed
    status: int = 500
    seconds: float = 30.0  # real seconds: how long a hang lasts at most, or how long a slow body takes
    retry_after: int = 0  # seconds in the local PayPal's Retry-After with a status; 0 sends none
    issue: str = ""  # the issue that the local PayPal names with a status

    def hits(self, method: str, path: str) -> bool:
        return self.method in (None, method) and re.search(self.path, path) is not None


@dataclass
class Faults:
    """The arranged faults.

    A request meets the first one that matches it, and that one's `times` counts down.
    """

    waiting: list[Fault] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)  # set once a request is stalled
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def stand_still(self) -> None:
        self.reached.set()
        await self.released.wait()

    def release(self) -> None:
        """Let requests continue that a fault has stalled."""
        self.released.set()
        self.reached, self.released = asyncio.Event(), asyncio.Event()

    def add(
        self,
        kind: Kind,
        path: str = "",
        *,
        method: str | None = None,
        times: int | None = 1,
        status: int = 500,
        seconds: float = 30.0,
        retry_after: int = 0,
        issue: str = "",
    ) -> Fault:
        fault = Fault(kind, method, path, times, status, seconds, retry_after, issue)
        self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        self.waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self.waiting:
            if fault.hits(method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.waiting.remove(fault)
                return fault
        return None


async def no_answer(request: web.Request, fault: Fault, stopping: asyncio.Event) -> web.StreamResponse:
    """Cut the connection; hanging faults do so only after their time, or when the server stops."""
    if fault.kind.startswith("hang"):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), fault.seconds)
    if request.transport:
        request.transport.abort()
    return web.Response(status=500)


async def in_crumbs(
    request: web.Request, status: int, body: Any, headers: Mapping[str, str], fault: Fault
) -> web.StreamResponse:
    """Send the answer in ten parts, to test clients that expect it in one."""
    raw = json.dumps(body).encode()
    response = web.StreamResponse(status=status, headers={**headers, "Content-Type": "application/json"})
    await response.prepare(request)
    step = max(len(raw) // 10, 1)
    for start in range(0, len(raw), step):
        await response.write(raw[start : start + step])
        await asyncio.sleep(fault.seconds / 10)
    await response.write_eof()
    return response
