"""The HTTP layer of the local PayPal: checks tokens and bodies, injects faults and sends the answer."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from standins.faults import Fault, Faults, in_crumbs, no_answer
from standins.paypal import catalog, disputes, notices, payments, reporting, subscriptions
from standins.paypal.auth import Desk
from standins.paypal.errors import PayPalRefusal, bad
from standins.paypal.idempotency import Keys
from standins.paypal.routes import Call, Route
from standins.paypal.state import World
from standins.rate_limits import RateLimits

MODULES = (catalog, disputes, notices, payments, reporting, subscriptions)
ROUTES: list[Route] = [route for module in MODULES for route in module.ROUTES]
BILLING = "/v1/billing/"
LEFT_OUT = {
    "create_time",
    "update_time",
    "status_update_time",
    "last_payment",
    "cycle_executions",
    "plan",
    "product_id",
    "plan_overridden",
    "quantity",
    "total_items",
    "total_pages",
    "email_address",
    "name",
}
LISTS = ("plans", "products", "transactions", "transaction_details", "events", "webhooks", "items")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as checkers and pages see them.

    It has no headers, so it contains no tokens.
    """

    method: str
    path: str
    route: Route | None
    query: dict[str, str]
    given: Any
    status: int
    body: Any
    injected: bool = False  # the answer comes from an arranged fault, not from the API


@dataclass
class Api:
    world: World
    desk: Desk
    faults: Faults
    catch_up: Callable[[], object]
    watch: Callable[[Exchange], None]
    stopping: asyncio.Event
    limits: RateLimits

    def __post_init__(self) -> None:
        self.keys = Keys()

    async def token(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take(request.method, request.path)
        if fault and fault.kind in ("hang_before", "cut_before"):
            return await no_answer(request, fault, self.stopping)
        if fault and fault.kind == "status":
            status, body = fault.status, PayPalRefusal(fault.status).body("token")
        else:
            text = await request.text()
            status, body = self.desk.issue(request.headers.get("Authorization", ""), text)
        self.watch(Exchange("POST", request.path, None, {}, None, status, {}, fault is not None))
        if fault and fault.kind in ("hang_after", "cut_after"):
            return await no_answer(request, fault, self.stopping)
        return web.json_response(body, status=status)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take(request.method, request.path)
        if fault and fault.kind in ("hang_before", "cut_before"):
            return await no_answer(request, fault, self.stopping)
        debug_id, given = secrets.token_hex(7), None
        route: Route | None = None
        try:
            self.desk.check(request.headers.get("Authorization", ""))
            route, ids = find_route(request.method, request.path)
            self._limit(route)
            call = await self._read(request, route)
            given = json.loads(call.raw) if call.raw else None
            status, body = await self._once(request, route, ids, call, fault)
        except PayPalRefusal as refusal:
            status, body = refusal.status, refusal.body(debug_id)
        # No available document describes the answer to exceeded rate limits.
        injected = status == 429 or (fault is not None and fault.kind.startswith(("status", "empty")))
        query = dict(request.query)
        self.watch(Exchange(request.method, request.path, route, query, given, status, body, injected))
        if fault and fault.kind in ("hang_after", "cut_after"):
            return await no_answer(request, fault, self.stopping)
        return await self._send(request, status, body, debug_id, fault)

    def _limit(self, route: Route) -> None:
        if self.limits.spend(f"{route.method} {route.path}")[0]:
            raise PayPalRefusal(429)

    async def _read(self, request: web.Request, route: Route) -> Call:
        raw = await request.read()
        call = Call(query=route.read_query(request.query), raw=raw)
        call.full = "return=representation" in request.headers.get("Prefer", "")
        if route.body is None or (not raw and route.bodyless):
            return call
        if not raw:
            raise bad("MISSING_REQUEST_BODY")
        if request.content_type != "application/json":
            raise PayPalRefusal(415)
        try:
            parsed = json.loads(raw)
        except ValueError:
            raise bad("INVALID_PARAMETER_SYNTAX") from None
        call.body = route.body(parsed, "")
        return call

    async def _once(
        self, request: web.Request, route: Route, ids: tuple[str, ...], call: Call, fault: Fault | None
    ) -> tuple[int, Any]:
        key = request.headers.get("PayPal-Request-Id") if route.keyed else None
        if key is None:
            return await self._answer(route, ids, call, fault, None)
        earlier = self.keys.begin(key, (request.path, call.body), self.world.now())
        if earlier and not (fault and fault.kind.startswith("status")):
            return earlier
        try:
            return await self._answer(route, ids, call, fault, key)
        except PayPalRefusal:
            if earlier is None and self.keys.saved[key].answer is None:
                self.keys.forget(key)
            raise

    async def _answer(
        self, route: Route, ids: tuple[str, ...], call: Call, fault: Fault | None, key: str | None
    ) -> tuple[int, Any]:
        if fault and fault.kind == "status":
            raise PayPalRefusal(fault.status, details=[{"issue": fault.issue}] if fault.issue else [])
        if fault and fault.kind == "stall":
            await self.faults.stand_still()
        self.catch_up()
        status, body = route.handler(self.world, call, *ids)
        if key:
            self.keys.finish(key, status, body)
        if fault and fault.kind == "status_after":
            raise PayPalRefusal(fault.status)
        if fault and fault.kind == "empty":
            body = {name: [] if name in LISTS else value for name, value in (body or {}).items()}
        return status, body

    async def _send(
        self, request: web.Request, status: int, body: Any, debug_id: str, fault: Fault | None
    ) -> web.StreamResponse:
        headers = {"Paypal-Debug-Id": debug_id}
        if fault and fault.retry_after:
            headers["Retry-After"] = str(fault.retry_after)
        if self.world.settings.sparse and request.path.startswith(BILLING) and status < 300:
            body = sparse(body)
        if body is None:
            return web.Response(status=status, headers=headers)
        if fault and fault.kind == "slow":
            return await in_crumbs(request, status, body, headers, fault)
        return web.json_response(body, status=status, headers=headers)


def sparse(node: Any) -> Any:
    """Return an answer without the fields of LEFT_OUT, at any depth."""
    if isinstance(node, list):
        return [sparse(one) for one in node]
    if isinstance(node, dict):
        return {name: sparse(value) for name, value in node.items() if name not in LEFT_OUT}
    return node


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    for route in ROUTES:
        match = route.pattern.match(path) if route.method == method else None
        if match:
            return route, match.groups()
    raise PayPalRefusal(404, message=f"The local PayPal has no such address ({method}: {path}).")
