"""Keeps the bot below Discord's limit on calls, and measures how long calls wait for rate limits.

discord.py logs nothing about these waits. It respects the limit of a single route in advance, but notices the
limit for all routes together only after Discord has answered 429 to every call under way.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord

from cogs.core.gateway_recovery import GatewayState

# Discord takes 50 calls of a token in a second (docs.discord.com/developers/topics/rate-limits, 'Global Rate
# Limit', 2026-11). Answers to interactions do not count and do not come through here.
CALLS_PER_SECOND, AT_ONCE = 45.0, 5.0


class TokenLimit:
    """Spaces out all calls made with one token, in the order in which they were requested."""

    def __init__(self) -> None:
        self._next_at = 0.0  # on the event loop's clock, when the next call would be due without a burst

    async def acquire(self) -> None:
        """Wait until a call may be made without exceeding CALLS_PER_SECOND."""
        now = asyncio.get_running_loop().time()
        due = max(self._next_at, now)
        self._next_at = due + 1 / CALLS_PER_SECOND
        wait = due - now - (AT_ONCE - 1) / CALLS_PER_SECOND
        if wait > 0:
            await asyncio.sleep(wait)


class TimedLimit(discord.http.Ratelimit):
    """discord.py's rate limit of one route, which also waits for the token's limit and measures every wait.

    discord.py waits either before a call, or after the call that used up the limit.
    """

    __slots__ = ("_of_token", "_state")

    def __init__(self, patience: float | None, state: GatewayState, of_token: TokenLimit) -> None:
        super().__init__(patience)
        self._state, self._of_token = state, of_token

    async def acquire(self) -> None:
        """Wait until a call may be made on this route, and add the wait to the gateway state."""
        began = asyncio.get_running_loop().time()
        try:
            await super().acquire()
            await self._of_token.acquire()
        finally:
            self._state.waited += asyncio.get_running_loop().time() - began

    async def __aexit__(self, *fault: Any) -> None:
        began = asyncio.get_running_loop().time()
        try:
            await super().__aexit__(*fault)
        finally:
            self._state.waited += asyncio.get_running_loop().time() - began


def time_limits(client: discord.Client, state: GatewayState) -> None:
    """Apply and measure the rate limits of a client. Call this before the client logs in."""
    http, of_token = client.http, TokenLimit()
    get = http.get_ratelimit

    def get_ratelimit(key: str) -> discord.http.Ratelimit:
        if key not in http._buckets:
            http._buckets[key] = TimedLimit(http.max_ratelimit_timeout, state, of_token)
            http._try_clear_expired_ratelimits()
        return get(key)

    async def answered(_: aiohttp.ClientSession, __: SimpleNamespace, of: Any) -> None:
        """Count the wait before a rate-limited call is repeated.

        A call that Discord's edge servers refused is not repeated, so it does not count.
        """
        headers = of.response.headers
        asked = headers.get("Retry-After", "") if of.response.status == 429 and "Via" in headers else ""
        if asked.replace(".", "", 1).isdecimal():
            wait = float(asked)
            state.waited += wait if wait <= (http.max_ratelimit_timeout or wait) else 0.0

    http.get_ratelimit = get_ratelimit  # type: ignore[method-assign]  # discord.py has no setting for it
    http.http_trace = aiohttp.TraceConfig()
    http.http_trace.on_request_end.append(answered)
