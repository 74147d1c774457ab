"""Limits the size of a request's head, because anybody can start to send headers and never stop."""

from __future__ import annotations

from typing import Any

from aiohttp import web, web_server

from i18n import tr

# Bytes of each head; aiohttp limits the number and the length of fields, which together may be six times as
# long.
LARGEST_HEAD = 32 << 10

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class BoundedHandler(web.RequestHandler):
    """aiohttp's protocol of one connection, changed to close it when a request's head grows too large."""

    __slots__ = ("_head",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = 0

    def data_received(self, data: bytes) -> None:
        """Pass received bytes on to aiohttp, and answer 431 if the head exceeds LARGEST_HEAD bytes.

        Bytes count towards a head before the first request, and while aiohttp's `_waiter` awaits another one.
        """
        super().data_received(data)
        awaited = self._waiter is not None and not self._waiter.done()
        self._head = self._head + len(data) if awaited or not self._request_count else 0
        if self._head > LARGEST_HEAD and self.transport is not None:
            self.transport.write(_TOO_LARGE)
            self.force_close()


def bound_heads() -> None:
    """Make every aiohttp server in this process use BoundedHandler."""
    vars(web_server)["RequestHandler"] = BoundedHandler  # aiohttp has no setting for it


async def invite_later(request: web.Request) -> None:
    """Replace aiohttp's handling of `Expect: 100-continue`, which would ask for any body at once.

    `invite` asks for the body later. Raises HTTPExpectationFailed (417) for any other expectation.
    """
    if request.version >= (1, 1) and not expects_invitation(request):
        raise web.HTTPExpectationFailed(text=tr("http.expectation"))


def expects_invitation(request: web.Request) -> bool:
    """Return True if the client waits for `100 Continue` before it sends the body."""
    return request.version >= (1, 1) and request.headers.get("Expect", "").lower() == "100-continue"


async def invite(request: web.Request) -> None:
    """Send `100 Continue` if the client waits for it. Call it once the headers have been checked."""
    if expects_invitation(request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun yet
