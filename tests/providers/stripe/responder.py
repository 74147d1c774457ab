"""Answers what a test laid out for it, and keeps what it was asked."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

Reply = tuple[int, Any, dict[str, str]]


@dataclass
class Asked:
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class Responder:
    """`say` lays out answers for a method and path; the last one is given for ever."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    replies: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    def say(self, what: str, body: Any, status: int = 200, **headers: str) -> None:
        """`what` is like 'GET /v1/prices/price_1'."""
        self.replies[what].append((status, body, headers))

    def refuse(self, what: str, status: int, **error: str) -> None:
        self.say(
            what, {"error": {"type": "invalid_request_error", "message": "A secret body.", **error}}, status
        )

    async def _answer(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode()))
        headers = {name.lower(): text for name, text in request.headers.items()}
        self.asked.append(Asked(request.method, request.path, {**dict(request.query), **form}, headers))
        waiting = self.replies[f"{request.method} {request.path}"]
        if not waiting:
            return web.json_response({"error": {"message": "Not laid out."}}, status=404)
        status, body, more = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(
            body=raw, status=status, headers={name.replace("_", "-"): text for name, text in more.items()}
        )
