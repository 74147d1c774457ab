"""What can go wrong on the way to the API and back, at a test's wish."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "hang_before",  # never answers, nothing happened
    "hang_after",  # never answers, but it did happen
    "cut_before",  # the connection is cut, nothing happened
    "cut_after",  # the connection is cut, but it did happen
    "status",  # an error answer, nothing happened; a 500 is kept under the idempotency key
    "status_after",  # an error answer, but it did happen; kept under the idempotency key
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
    ) -> Fault:
        fault = Fault(kind, method, path, times, status, seconds)
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


MESSAGES = {  # status: type, code, message
    401: ("invalid_request_error", None, "Invalid API Key provided."),
    403: (
        "invalid_request_error",
        "account_invalid",
        "The provided key does not have access to this account.",
    ),
    429: (
        "invalid_request_error",
        "rate_limit",
        "Too many requests hit the API too quickly. Please back off.",
    ),
    500: ("api_error", None, "An unknown error occurred."),
    502: ("api_error", None, "Bad gateway."),
    503: ("api_error", None, "Stripe is temporarily unavailable."),
}
KEPT_STATUSES = frozenset({500, 502})
