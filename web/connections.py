"""Bounds how many connections the listener keeps, and closes the longest idle ones."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from web.request_bodies import is_odd_transfer

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"


PIECE = 16 << 10  # of what a caller sends, so much at once; uvloop would take 250 KB from each


LONGEST_SILENCE = 30.0


MOST_CALLERS = 1000


CROWDED = (
    "Callers hold all %d connections that they may: for each further one, what was silent longest is closed. "
    "Keep strangers out with a reverse proxy or a firewall; if they are none, raise the limit, LimitNOFILE= "
    "of the service or ulimit -n (docs/operations.md)"
)


def most_callers() -> int:
    """How many connections callers may hold together: a quarter of the files that the process may open. The
    rest is for the bot's own calls and files."""
    if sys.platform == "win32":
        return MOST_CALLERS  # no such limit there
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CALLERS if soft == resource.RLIM_INFINITY else min(MOST_CALLERS, soft // 4)


class ConnectionLimiter:
    """Which connections are held, and which brought a request of late. aiohttp takes as many as come, and
    waits for ever for a request to begin, or its headers to end, each time with one of the files that a
    process may have open."""

    def __init__(self) -> None:
        self._held: dict[web.RequestHandler, asyncio.Transport] = {}  # the oldest first
        self._spoke: set[object] = set()
        self._spoke_before: set[object] = set()
        self._told = False

    def watch(self, server: web.Server) -> None:
        """Hear of each connection that begins or ends."""
        made, lost = server.connection_made, server.connection_lost

        def began(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
            made(handler, transport)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * PIECE)
            self._held[handler] = transport
            if len(self._held) > (most := most_callers()):
                self._make_room(most)

        def ended(handler: web.RequestHandler, exc: BaseException | None = None) -> None:
            self._held.pop(handler, None)
            lost(handler, exc)

        server.connection_made = began  # type: ignore[method-assign]  # aiohttp has no hook for it
        server.connection_lost = ended  # type: ignore[method-assign]  # the same

    def _make_room(self, most: int) -> None:
        """Close what was silent longest. The newer half is left alone: who has only just come, and is about
        to deliver, must not go before strangers who spoke once."""
        if not self._told:
            log.warning(CROWDED, most)
            self._told = True
        older = list(self._held)[: len(self._held) // 2]
        silent = (one for one in older if one not in self._spoke and one not in self._spoke_before)
        self._held.pop(next(silent, older[0])).abort()

    def track(self, handler: Handler) -> Handler:
        """Hear of each request that comes in, and is answered. A middleware, with the one that aiohttp then
        lays around it, would cost 3 µs more."""

        async def note(request: web.Request) -> web.StreamResponse:
            self._spoke.add(request.protocol)
            try:
                if is_odd_transfer(request):
                    return web.Response(status=400, text="Transfer-Encoding may only be chunked")
                return await handler(request)
            finally:
                self._spoke.add(request.protocol)

        return note

    async def close_idle(self) -> None:
        """Close, again and again, what has been silent for LONGEST_SILENCE. What it was still being sent is
        dropped: who never reads it would keep the connection."""
        before: set[web.RequestHandler] = set()
        while True:
            for connection in before & self._held.keys() - self._spoke:
                self._held[connection].abort()
            self._told = self._told and len(self._held) >= most_callers()
            self._spoke, self._spoke_before = set(), self._spoke & self._held.keys()
            before = set(self._held)
            await asyncio.sleep(LONGEST_SILENCE)
