"""Faults that a test can order: on the way to either stand-in's API, or on the way back."""

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
    "hang_before",  # never answers, nothing happened
    "hang_after",  # never answers, but it did happen
    "cut_before",  # the connection is cut, nothing happened
    "cut_after",  # the connection is cut, but it did happen
    "status",  # an error answer, nothing happened; Stripe keeps a 500 under the idempotency key
    "status_after",  # an error answer, but it did happen; Stripe keeps that too
    "stall",  # held while being worked on, until release()
    "empty",  # a list without entries
    "slow",  # the body comes in crumbs
]


@dataclass
class Fault:
    kind: Kind
    method: str | None = None
    path: str = ""  # a regular expression found anywhere in the path
    times: int | None = 1  # None: until it is taken away
    status: int = 500
    seconds: float = 30.0  # real seconds: how long it hangs at most, or how long a slow body takes
    retry_after: int = 0  # seconds that the local PayPal asks for beside a status; 0: it does not say
    issue: str = ""  # what the local PayPal names as its reason beside a status

    def hits(self, method: str, path: str) -> bool:
        return self.method in (None, method) and re.search(self.path, path) is not None


@dataclass
class Faults:
    """The first fault that fits a request is used up by it."""

    waiting: list[Fault] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)  # a request stands still
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def stand_still(self) -> None:
        self.reached.set()
        await self.released.wait()

    def release(self) -> None:
        """Let those that stand still go on."""
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
    """Cut the line, for the hanging kinds only after their time, or when the server stops."""
    if fault.kind.startswith("hang"):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), fault.seconds)
    if request.transport:
        request.transport.abort()
    return web.Response(status=500)


async def in_crumbs(
    request: web.Request, status: int, body: Any, headers: Mapping[str, str], fault: Fault
) -> web.StreamResponse:
    """The answer, a tenth of it at a time."""
    raw = json.dumps(body).encode()
    response = web.StreamResponse(status=status, headers={**headers, "Content-Type": "application/json"})
    await response.prepare(request)
    step = max(len(raw) // 10, 1)
    for start in range(0, len(raw), step):
        await response.write(raw[start : start + step])
        await asyncio.sleep(fault.seconds / 10)
    await response.write_eof()
    return response
