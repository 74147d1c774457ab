"""Measures how long calls wait for Discord's rate limits, about which discord.py logs nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord

from cogs.core.gateway_recovery import GatewayState


class TimedLimit(discord.http.Ratelimit):
    """discord.py's limit, which waits before a call, or after the call that used up the limit, with its
    time measured."""

    __slots__ = ("_state",)

    def __init__(self, patience: float | None, state: GatewayState) -> None:
        super().__init__(patience)
        self._state = state

    async def acquire(self) -> None:
        """Wait until a call may be made."""
        began = asyncio.get_running_loop().time()
        try:
            await super().acquire()
        finally:
            self._state.waited += asyncio.get_running_loop().time() - began

    async def __aexit__(self, *fault: Any) -> None:
        began = asyncio.get_running_loop().time()
        try:
            await super().__aexit__(*fault)
        finally:
            self._state.waited += asyncio.get_running_loop().time() - began


def time_limits(client: discord.Client, state: GatewayState) -> None:
    """Measure the limits of a client; call it before the client logs in."""
    http = client.http
    get = http.get_ratelimit

    def get_ratelimit(key: str) -> discord.http.Ratelimit:
        if key not in http._buckets:
            http._buckets[key] = TimedLimit(http.max_ratelimit_timeout, state)
            http._try_clear_expired_ratelimits()
        return get(key)

    async def answered(_: aiohttp.ClientSession, __: SimpleNamespace, of: Any) -> None:
        """Count the wait before a limited call is repeated. A call that Discord's edge refused is not
        repeated."""
        headers = of.response.headers
        asked = headers.get("Retry-After", "") if of.response.status == 429 and "Via" in headers else ""
        if asked.replace(".", "", 1).isdecimal():
            wait = float(asked)
            state.waited += wait if wait <= (http.max_ratelimit_timeout or wait) else 0.0

    http.get_ratelimit = get_ratelimit  # type: ignore[method-assign]  # discord.py has no setting for it
    http.http_trace = aiohttp.TraceConfig()
    http.http_trace.on_request_end.append(answered)
