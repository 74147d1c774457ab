"""The bodies of notifications. Anybody can send one: each has its bounds, and so have all together."""

from __future__ import annotations

import asyncio

from aiohttp import web

from billing.model.texts import Text
from web.heads import invite

LARGEST_BODY = 1 << 20
SLOWEST_BODY = 10.0  # seconds
# Of all the bodies together that are still on their way.
MOST_UNPROVEN = 8 << 20


class NotTaken(Exception):  # noqa: N818 - named by what happened
    """A body that is not read to its end; `status` of the answer, and what it says."""

    def __init__(self, status: int, message: Text) -> None:
        super().__init__(str(message))
        self.status, self.message = status, message


def check_framing(request: web.Request) -> None:
    """NotTaken where the headers say that a body is packed or too large."""
    headers = request.headers
    if "Content-Encoding" in headers and set(headers.getall("Content-Encoding")) != {"identity"}:
        raise NotTaken(400, Text("http.compressed"))
    if (request.content_length or 0) > LARGEST_BODY:
        raise NotTaken(413, Text("http.too_large"))


def is_odd_transfer(request: web.Request) -> bool:
    """Whether a body is sent in another way than whole or in chunks, such as packed on its way."""
    how = request.headers.get("Transfer-Encoding")  # aiohttp refuses a second such header
    return how is not None and how.strip().lower() != "chunked"


class Bodies:
    """Reads bodies that are still on their way, and holds MOST_UNPROVEN bytes of them at most. When they are
    full, the body of which nothing has come for longest makes room: a provider's keeps coming, and is sent
    again after a 503; strangers stop short of the end."""

    def __init__(self) -> None:
        self._held: dict[asyncio.Timeout, bytearray] = {}  # silent longest first
        self._size = 0

    async def read(self, request: web.Request) -> bytes:
        """NotTaken where it does not come to its end."""
        if request.content.is_eof():
            return await request.read()  # all there with its headers, like most; a timer would cost 13 µs
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
