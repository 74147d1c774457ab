"""Serves the sandbox's page: its files, one stream of snapshots, and the actions of the person at the page.

The server listens on 127.0.0.1 and answers only its own page. It answers 403 to a request with a foreign Host
(DNS rebinding) or Origin, and to one that another site's page made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from sandbox.page.acts import ACTS, Misuse, Players
from sandbox.page.change_feed import Pulse
from sandbox.page.snapshot import draw
from sandbox.stage import Stage
from standins.discord import PersonError
from standins.paypal import PayPalRefusal
from standins.stripe import StripeRefusal

STATIC = Path(__file__).parent / "static"
FILES = sorted(path.name for path in STATIC.iterdir())
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
TOGETHER = 0.03  # real seconds: changes within this time are sent as one snapshot
LARGEST_BODY = 64 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageServer:
    """Serves one stage; use it with `async with`."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.port = 0
        self._pulse = Pulse(stage)
        self._players = Players(stage, self._pulse)
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Return the page's address."""
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> PageServer:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._guard])
        app.router.add_get("/", _file("index.html"))
        for name in FILES:
            app.router.add_get(f"/{name}", _file(name))
        app.router.add_get("/events", self._events)
        app.router.add_post("/api/{action}", self._act)
        self._pulse.start()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End every stream and stop listening. A second call does no harm."""
        self._stopping.set()
        self._pulse.beat()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._pulse.stop()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.host not in hosts or origin not in (None, f"http://{request.host}"):
            return _refuse(403, "This page is for the machine that it runs on.")
        if request.path != "/" and site not in ("none", "same-origin"):
            return _refuse(403, "Another site's page cannot use the sandbox.")
        return await handler(request)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Stream the whole snapshot for one person, again after each change of it."""
        viewer = self._players.person(request.query.get("as", ""))
        answer = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        shown = ""
        while not self._stopping.is_set():
            changed = self._pulse.next
            picture = draw(self.stage, viewer)
            essence = json.dumps({**picture, "now": int(picture["now"] // 60)})
            if essence != shown:
                shown = essence
                try:
                    await answer.write(f"data: {json.dumps(picture)}\n\n".encode())
                except ConnectionError:
                    break
            await changed.wait()
            await asyncio.sleep(TOGETHER)
        return answer

    async def _act(self, request: web.Request) -> web.StreamResponse:
        act = ACTS.get(request.match_info["action"])
        if act is None:
            return _refuse(404, "There is no such action.")
        try:
            body = _object(await request.text(), request.content_type)
            return _json(200, await act(self._players, self._players.person(body.get("as", "")), body))
        except Misuse as error:
            return _refuse(400, str(error))
        except (PersonError, StripeRefusal, PayPalRefusal) as error:
            return _refuse(409, str(error))


def _object(text: str, content_type: str) -> dict[str, Any]:
    """Return the request's JSON object. Another site's form cannot send this content type."""
    if content_type != "application/json":
        raise Misuse("Actions are sent as application/json.")
    try:
        found = json.loads(text)
    except ValueError:
        raise Misuse("The body is no JSON.") from None
    if not isinstance(found, dict):
        raise Misuse("The body is no JSON object.")
    return found


def _file(name: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = (STATIC / name).read_bytes()
        return web.Response(
            body=body, content_type=TYPES[Path(name).suffix], charset="utf-8", headers=HEADERS
        )

    return answer


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.json_response(body, status=status, headers=HEADERS)


def _refuse(status: int, sentence: str) -> web.Response:
    return _json(status, {"error": sentence})
