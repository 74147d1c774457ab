"""Reads the bodies of webhook requests.

Anybody can send one, so the size of each body and of all bodies together is limited.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from billing.model.translatable_text import Text
from web.heads import invite

LARGEST_BODY = 1 << 20
SLOWEST_BODY = 10.0  # seconds
# Bytes of all bodies together that are still arriving.
MOST_UNPROVEN = 8 << 20


class NotTaken(Exception):  # noqa: N818 - named by what happened
    """Raised when a body is refused before its end, with the `status` and the `message` of the answer."""

    def __init__(self, status: int, message: Text) -> None:
        super().__init__(str(message))
        self.status, self.message = status, message


def check_framing(request: web.Request) -> None:
    """Raise NotTaken if the headers announce a compressed or oversized body."""
    headers = request.headers
    if "Content-Encoding" in headers and set(headers.getall("Content-Encoding")) != {"identity"}:
        raise NotTaken(400, Text("http.compressed"))
    if (request.content_length or 0) > LARGEST_BODY:
        raise NotTaken(413, Text("http.too_large"))


def is_odd_transfer(request: web.Request) -> bool:
    """Return True if the Transfer-Encoding is anything but chunked, such as a compression in transit."""
    how = request.headers.get("Transfer-Encoding")  # aiohttp refuses a second header of this name
    return how is not None and how.strip().lower() != "chunked"


class Bodies:
    """Reads the bodies that are arriving, and keeps at most MOST_UNPROVEN bytes of them in memory.

    Beyond that, it drops the body that has been silent longest. A provider sends its body without pausing,
    and sends it again after a 503; attackers stop before the end.
    """

    def __init__(self) -> None:
        self._held: dict[asyncio.Timeout, bytearray] = {}  # silent longest first
        self._size = 0

    async def read(self, request: web.Request) -> bytes:
        """Read a request's body. Raises NotTaken if it is too large, too slow or incomplete."""
        if request.content.is_eof():
            # Like most bodies, this one arrived together with its headers; a timer would take 13 µs.
            return await request.read()
        patience = asyncio.timeout(SLOWEST_BODY)
        try:
            async with patience:
                await invite(request)
                return await self._collect(request, patience)
        except TimeoutError:
            late = patience in self._held
            raise NotTaken(400, Text("http.too_slow")) if late else _crowded() from None
        except (web.RequestPayloadError, ConnectionError):
            raise NotTaken(400, Text("http.broken_off")) from None
        finally:
            self._let_go(patience)

    async def _collect(self, request: web.Request, patience: asyncio.Timeout) -> bytes:
        body = self._held[patience] = bytearray()
        async for piece in request.content.iter_any():
            if patience not in self._held:
                break
            self._held[patience] = self._held.pop(patience)
            body += piece
            self._size += len(piece)
            if len(body) > LARGEST_BODY:
                raise NotTaken(413, Text("http.too_large"))
            while self._size > MOST_UNPROVEN:
                self._give_up(next(iter(self._held)))
        if patience not in self._held:
            raise _crowded()
        return bytes(body)

    def _give_up(self, silent: asyncio.Timeout) -> None:
        self._let_go(silent)
        if not silent.expired():
            silent.reschedule(asyncio.get_running_loop().time())

    def _let_go(self, patience: asyncio.Timeout) -> None:
        body = self._held.pop(patience, None)
        if body is not None:
            self._size -= len(body)
            body.clear()


def _crowded() -> NotTaken:
    return NotTaken(503, Text("http.crowded"))
