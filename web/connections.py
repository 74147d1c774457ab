"""Limits the number of connections to the server, and closes those that have been idle longest."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from billing.model.translatable_text import LogWords
from i18n import tr
from web.request_bodies import is_odd_transfer

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"


PIECE = 16 << 10  # bytes read from a connection at once; uvloop would read 250 KB


LONGEST_SILENCE = 30.0


MOST_CALLERS = 1000


CROWDED: LogWords = (
    "Callers hold all %d connections that they may: each further one closes the one that has been idle "
    "longest. Keep strangers out with a reverse proxy or a firewall; if they are no strangers, raise the "
    "limit, LimitNOFILE= of the service or ulimit -n (docs/operations.md)"
)


def most_callers() -> int:
    """Return how many connections callers may have open: at most a quarter of the process's open-file limit.

    The bot's own calls and files need the rest.
    """
    if sys.platform == "win32":
        return MOST_CALLERS  # this system has no such limit
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CALLERS if soft == resource.RLIM_INFINITY else min(MOST_CALLERS, soft // 4)


class ConnectionLimiter:
    """Limits the number of open connections and closes idle ones.

    aiohttp accepts any number of connections, and waits forever for a request to begin or for its headers to
    end. Each connection takes one of the files that the process may open.
    """

    def __init__(self) -> None:
        self._held: dict[web.RequestHandler, asyncio.Transport] = {}  # oldest first
        self._spoke: set[object] = set()
        self._spoke_before: set[object] = set()
        self._told = False

    def watch(self, server: web.Server) -> None:
        """Track every connection that this server opens or closes."""
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
        """Close the connection that has been idle longest, but only among the older half.

        That way a new sender is not dropped before an idle stranger.
        """
        if not self._told:
            log.warning(CROWDED, most)
            self._told = True
        older = list(self._held)[: len(self._held) // 2]
        silent = (one for one in older if one not in self._spoke and one not in self._spoke_before)
        self._held.pop(next(silent, older[0])).abort()

    def track(self, handler: Handler) -> Handler:
        """Wrap a handler so that each request and each answer counts as activity of its connection.

        An aiohttp middleware would cost 3 µs more per request. Answers 400 to transfer encodings other than
        chunked.
        """

        async def note(request: web.Request) -> web.StreamResponse:
            self._spoke.add(request.protocol)
            try:
                if is_odd_transfer(request):
                    return web.Response(status=400, text=tr("http.transfer_encoding"))
                return await handler(request)
            finally:
                self._spoke.add(request.protocol)

        return note

    async def close_idle(self) -> None:
        """Close each connection that has been idle for LONGEST_SILENCE seconds; runs until cancelled.

        Any answer that the caller has not read yet is lost. Otherwise a caller that never reads would keep
        its connection open forever.
        """
        before: set[web.RequestHandler] = set()
        while True:
            for connection in before & self._held.keys() - self._spoke:
                self._held[connection].abort()
            self._told = self._told and len(self._held) >= most_callers()
            self._spoke, self._spoke_before = set(), self._spoke & self._held.keys()
            before = set(self._held)
            await asyncio.sleep(LONGEST_SILENCE)
