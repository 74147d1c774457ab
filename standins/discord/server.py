"""Serves the REST API over HTTP: checks tokens and limits, injects faults and calls the routes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from aiohttp import web

from standins.discord import routes_apps, routes_channels, routes_guilds, routes_interactions
from standins.discord.errors import ApiError, refusal
from standins.discord.faults import HANG_UP, HOLD, LOST, RATE_LIMIT, STATUS, SWALLOW, Fault, Faults
from standins.discord.gateway import Gateway
from standins.discord.model import Application
from standins.discord.oauth import give_token
from standins.discord.rate_limits import Limits
from standins.discord.rest import NO_CONTENT, ROUTES, Answer, Call, Route, reason_of
from standins.discord.world import DiscordWorld
from standins.rate_limits import RateLimits

API = "/api/v10"
# Importing these files fills the table of routes.
ROUTE_FILES = (routes_apps, routes_channels, routes_guilds, routes_interactions)
_MAJOR = ("guild_id", "channel_id", "webhook_id")
_UNLIMITED = ("/interactions/", "/webhooks/")


class Recorder(Protocol):
    """Receives every exchange with the server; the conformance check is one implementation."""

    def exchange(self, route: Route, asked: Any, content_type: str, answer: Answer) -> None:
        """Receive one request body (None if there was none) and the answer to it."""
        ...

    def event(self, name: str, data: Any) -> None:
        """Receive one gateway event that was dispatched."""
        ...


class DiscordServer:
    """Serves a DiscordWorld on 127.0.0.1: REST below /api/v10 and the gateway at /.

    A bucket allows `requests_a_window` (None: any number) in `window` seconds. All buckets together allow 50
    requests a second, not counting interactions (docs.discord.com/developers/topics/rate-limits, 'Global Rate
    Limit', read 2026-11). `recorder` receives all exchanges.
    """

    def __init__(
        self,
        world: DiscordWorld,
        *,
        recorder: Recorder | None = None,
        requests_a_window: int | None = 50,
        window: float = 1.0,
        heartbeat_interval: float = 41.25,
    ) -> None:
        self.world = world
        self.faults = Faults()
        self.calls: Counter[str] = Counter()  # by method and path, as in 'GET /guilds/{guild_id}/roles'
        self.port = 0
        self._recorder = recorder
        self._limits = Limits(requests_a_window, window)
        self.token_limits = RateLimits(None if requests_a_window is None else 50)
        self._gateway = Gateway(world, self, heartbeat_interval)
        self._runner: web.AppRunner | None = None

    @property
    def rest_url(self) -> str:
        """Return the base URL that replaces https://discord.com/api/v10."""
        return f"http://127.0.0.1:{self.port}{API}"

    @property
    def gateway_url(self) -> str:
        """Return the base URL that replaces wss://gateway.discord.gg/."""
        return f"ws://127.0.0.1:{self.port}/"

    async def start(self, port: int | None = None) -> None:
        """Listen on `port`: 0 takes a free one, None the one used before.

        Raises OSError if the port is in use.
        """
        app = web.Application(client_max_size=25 * 1024 * 1024)
        app.router.add_get("/", self._gateway.connect)
        for route in sorted(ROUTES, key=_specific_first):
            app.router.add_route(route.method, API + route.path, self._serve(route))
        app.router.add_post(f"{API}/oauth2/token", partial(give_token, self.world))
        app.router.add_get("/attachments/{file}/{name}", self._uploaded)
        app.router.add_route("*", "/{anything:.*}", self._nowhere)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port if port is None else port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.world.address = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Close all connections and stop listening; sessions stay, so that bots can resume later."""
        self.faults.clear()
        await self._gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def asked(self) -> None:
        """Count one request for members over the gateway."""
        self.calls["gateway members"] += 1

    def recorded(self, name: str, data: Any) -> None:
        """Pass a dispatched gateway event to the recorder, if there is one."""
        if self._recorder is not None:
            self._recorder.event(name, data)

    async def _uploaded(self, request: web.Request) -> web.Response:
        """Answer with an uploaded file."""
        content = self.world.files.get(f"{self.world.address}{request.path}")
        return web.Response(status=404) if content is None else web.Response(body=content)

    # One request

    def _serve(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        return partial(self._handle, route)

    async def _handle(self, route: Route, request: web.Request) -> web.Response:
        self.calls[f"{route.method} {route.path}"] += 1
        fault = self.faults.take(request.method, request.path.removeprefix(API))
        if fault is not None and fault.kind == HANG_UP:
            return _hung_up(request)
        if fault is not None and fault.kind == HOLD:
            await fault.released()
        if fault is not None and fault.kind in (STATUS, SWALLOW, RATE_LIMIT):
            return _response(_faulty(fault), {})
        headers, wait = self._spend(route, request)
        for_all = 0.0 if route.path.startswith(_UNLIMITED) else self.token_limits.spend("")[1]
        if for_all:
            self.world.publish("rate_limited", method=route.method, path=route.path, retry_after=for_all)
            return _response(_limited(for_all, is_global=True, via=True), headers)
        if wait:
            self.world.publish("rate_limited", method=route.method, path=route.path, retry_after=wait)
            return _response(_limited(wait, is_global=False, via=True), headers)
        answer = await self._recorded_answer(route, request)
        if fault is not None and fault.kind == LOST:
            answer = _faulty(fault)
        return _response(answer, headers)

    async def _recorded_answer(self, route: Route, request: web.Request) -> Answer:
        asked: Any = None
        answer = Answer(500)
        try:
            answer, asked = await self._answer(route, request)
        finally:
            # A bug in this server is recorded too, as a 500 that Discord's document does not have.
            if self._recorder is not None:
                self._recorder.exchange(route, asked, request.content_type, answer)
        return answer

    def _spend(self, route: Route, request: web.Request) -> tuple[dict[str, str], float]:
        major = [request.match_info.get(name, "") for name in _MAJOR]
        headers, wait = self._limits.spend(f"{route.method} {route.path} {major}", self.world.clock.now())
        return headers, 0.0 if route.path.startswith(_UNLIMITED) else wait

    async def _answer(self, route: Route, request: web.Request) -> tuple[Answer, Any]:
        body: Any = None
        try:
            app = None if route.token_in_path else self._authorise(request)
            body = await _body(request)
            return route.handler(self._call(request, app, body)), body
        except ApiError as error:
            self._note_refusal(route, error)
            return Answer(error.status, error.body()), body

    def _note_refusal(self, route: Route, error: ApiError) -> None:
        refused = f"{route.method} {route.path}: {error.status} {error.body()}"
        self.world.refusals.append(refused)
        self.world.publish("request_refused", refused=refused, code=error.code)

    def _call(self, request: web.Request, app: Application | None, body: Any) -> Call:
        return Call(
            world=self.world,
            app=app,
            args=dict(request.match_info),
            query=dict(request.query),
            body=body,
            reason=reason_of(request.headers.get("X-Audit-Log-Reason", "")),
            gateway_url=self.gateway_url,
        )

    def _authorise(self, request: web.Request) -> Application:
        given = request.headers.get("Authorization", "")
        for app in self.world.applications.values():
            if given == f"Bot {app.token}":
                return app
        raise refusal(0)

    async def _nowhere(self, request: web.Request) -> web.Response:
        self.world.publish("unknown_route", method=request.method, path=request.path)
        return _response(Answer(404, {"message": "404: Not Found", "code": 0}), {})


async def _body(request: web.Request) -> Any:
    """Return the JSON body, or the JSON in a form's payload_json.

    Raises ApiError 50035 for another content type, and 50109 for invalid JSON.
    """
    if not request.body_exists:
        return None
    contents: dict[str, bytes] = {}
    if request.content_type == "multipart/form-data":
        form = await request.post()
        text = str(form.get("payload_json", ""))
        files = [(key, part) for key, part in form.items() if isinstance(part, web.FileField)]
        contents = {key: part.file.read() for key, part in files}
    elif request.content_type == "application/json":
        text = await request.text()
    else:
        message = "Expected \"Content-Type\" header to be one of {'application/json', 'multipart/form-data'}."
        tree = {"_errors": [{"code": "CONTENT_TYPE_INVALID", "message": message}]}
        raise ApiError(400, 50035, "Invalid Form Body", tree)
    try:
        body = json.loads(text) if text else None
    except ValueError:
        raise refusal(50109) from None
    return _with_contents(body, contents) if contents else body


def _with_contents(body: Any, contents: dict[str, bytes]) -> Any:
    """Add each file's content to its entry in `attachments`; files[0] belongs to the entry with id 0."""
    message = body.get("data", body)
    for entry in message.get("attachments", []):
        entry["content"] = contents.get(f"files[{entry['id']}]", b"").decode("latin-1")
    return body


def _specific_first(route: Route) -> list[bool]:
    """Return a sort key that puts a fixed part of a path, such as @me, before a variable."""
    return [part.startswith("{") for part in route.path.split("/")]


def _response(answer: Answer, headers: dict[str, str]) -> web.Response:
    """Build the HTTP response with exactly `Content-Type: application/json`.

    Clients parse JSON only for that string.
    """
    headers = headers | answer.headers
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    if isinstance(answer.body, str):  # not Discord's answer but the page of a proxy before it
        return web.Response(status=answer.status, text=answer.body, content_type="text/html", headers=headers)
    payload = json.dumps(answer.body).encode()
    return web.Response(
        status=answer.status, body=payload, headers=headers | {"Content-Type": "application/json"}
    )


def _faulty(fault: Fault) -> Answer:
    if fault.kind == RATE_LIMIT:
        return _limited(fault.retry_after, is_global=fault.is_global, via=fault.via)
    if fault.status == 204:
        return NO_CONTENT
    if fault.status < 500:
        return Answer(fault.status, "<html><title>Access denied</title></html>")
    return Answer(fault.status, {"message": f"{fault.status}: Server Error", "code": 0})


def _limited(retry_after: float, *, is_global: bool, via: bool) -> Answer:
    body = {
        "message": "You are being rate limited.",
        "retry_after": retry_after,
        "global": is_global,
        "code": 0,
    }
    headers = {"Retry-After": f"{retry_after:g}", "X-RateLimit-Scope": "global" if is_global else "user"}
    if is_global:
        headers["X-RateLimit-Global"] = "true"
    if via:
        headers["Via"] = "1.1 stand-in"
    return Answer(429, body, headers)


def _hung_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
