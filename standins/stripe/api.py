"""The HTTP layer of the local Stripe: checks keys and parameters, injects faults and sends the answer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from standins.faults import Fault, Faults, in_crumbs, no_answer
from standins.rate_limits import ACCOUNT, RateLimits
from standins.stripe import (
    catalog,
    checkout,
    customers,
    discounts,
    disputes,
    invoice_api,
    notices,
    payment_methods,
    payments,
    portal,
    refunds,
    schedules,
    subscriptions,
    taxes,
)
from standins.stripe.errors import BadParameter, StripeRefusal, invalid
from standins.stripe.expand import expand
from standins.stripe.faults import KEPT_STATUSES, MESSAGES, limited
from standins.stripe.forms import decode
from standins.stripe.idempotency import Keys
from standins.stripe.metadata_limits import refuse_long_metadata
from standins.stripe.params import coerce_hash, params_class, refuse_unsupported, supported_tree
from standins.stripe.routes import Route
from standins.stripe.state import API_VERSION, Obj, RequestInfo, World, new_id, present

MODULES = (
    catalog,
    checkout,
    customers,
    discounts,
    disputes,
    invoice_api,
    notices,
    payment_methods,
    payments,
    portal,
    refunds,
    schedules,
    subscriptions,
    taxes,
)
ROUTES: list[Route] = [route for module in MODULES for route in module.ROUTES]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as checkers and pages see them. It has no headers, so no API keys."""

    method: str
    path: str
    route: Route | None
    given: dict[str, Any]
    status: int
    body: dict[str, Any]


@dataclass
class Api:
    world: World
    api_key: str
    faults: Faults
    catch_up: Callable[[], object]
    watch: Callable[[Exchange], None]
    stopping: asyncio.Event
    limits: RateLimits

    def __post_init__(self) -> None:
        self.keys = Keys()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take(request.method, request.path)
        request_id = new_id("req", 14)
        if fault and fault.kind in ("hang_before", "cut_before"):
            return await no_answer(request, fault, self.stopping)
        given: dict[str, Any] = {}
        route: Route | None = None
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        try:
            self._authenticate(request)
            route, ids = find_route(request.method, request.path)
            self._limit(route, headers)
            text = (await request.text()) if request.method == "POST" else request.query_string
            given = decode(parse_qsl(text, keep_blank_values=True))
            status, body = await self._once(request, route, ids, given, fault, headers)
        except StripeRefusal as refusal:
            status, body = refusal.status, refusal.body
        self.watch(Exchange(request.method, request.path, route, given, status, body))
        if fault and fault.kind in ("hang_after", "cut_after"):
            return await no_answer(request, fault, self.stopping)
        if fault and fault.kind == "slow":
            return await in_crumbs(request, status, body, headers, fault)
        return web.json_response(body, status=status, headers=headers)

    def _limit(self, route: Route, headers: dict[str, str]) -> None:
        """Count the call, and refuse it if it exceeds a limit.

        As at Stripe, all ids of a route share one limit, and a header names the limit that was exceeded
        (docs.stripe.com/rate-limits, read 2026-11).
        """
        scope, _ = self.limits.spend(f"{route.method} {route.path}")
        if scope:
            headers["Stripe-Rate-Limited-Reason"] = "global-rate" if scope == ACCOUNT else "endpoint-rate"
            raise limited()

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            key = request.headers["Authorization"] and _basic_user(key)
        if not key:
            raise StripeRefusal(
                401,
                "You did not provide an API key. You need to provide your API key in the Authorization "
                "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            )
        if key != self.api_key:
            raise StripeRefusal(401, f"Invalid API Key provided: {key[:8]}{'*' * 12}{key[-4:]}")
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise invalid(
                f"Invalid Stripe API version: {version}. The local Stripe speaks {API_VERSION} only."
            )

    async def _once(
        self,
        request: web.Request,
        route: Route,
        ids: tuple[str, ...],
        given: Obj,
        fault: Fault | None,
        headers: dict[str, str],
    ) -> tuple[int, Obj]:
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            return await self._answer(route, ids, given, fault, RequestInfo(headers["Request-Id"]))
        headers["Idempotency-Key"] = key
        earlier = self.keys.begin(key, (request.path, given), self.world.now(), headers["Request-Id"])
        if earlier and earlier.answer:
            headers.update({"Idempotent-Replayed": "true", "Original-Request": earlier.request_id})
            return earlier.answer
        try:
            status, body = await self._answer(
                route, ids, given, fault, RequestInfo(headers["Request-Id"], key)
            )
        except BadParameter:
            self.keys.forget(key)
            raise
        if status in (401, 429) or (status >= 500 and status not in KEPT_STATUSES):
            self.keys.forget(key)
        else:
            self.keys.finish(key, status, body)
        return status, body

    async def _answer(
        self, route: Route, ids: tuple[str, ...], given: Obj, fault: Fault | None, info: RequestInfo
    ) -> tuple[int, Obj]:
        if fault and fault.kind == "status":
            return fault.status, injected(fault.status)
        if fault and fault.kind == "stall":
            await self.faults.stand_still()
        try:
            body = self.run(route, ids, given, info)
        except BadParameter:
            raise
        except StripeRefusal as refusal:
            return refusal.status, refusal.body
        if fault and fault.kind == "status_after":
            return fault.status, injected(fault.status)
        if fault and fault.kind == "empty" and body.get("object") == "list":
            body.update(data=[], has_more=False)
        return 200, body

    def run(self, route: Route, ids: tuple[str, ...], given: Obj, info: RequestInfo) -> Obj:
        values = coerce_hash(given, params_class(route.params))
        refuse_unsupported(values, supported_tree(route.supported))
        refuse_long_metadata(values)
        paths = values.pop("expand", [])
        self.catch_up()
        self.world.request = info
        try:
            found = route.handler(self.world, values, *ids)
            return expand(self.world, present(self.world, found), paths)
        finally:
            self.world.request = None


def _basic_user(encoded: str) -> str:
    return base64.b64decode(encoded).decode().partition(":")[0]


def injected(status: int) -> Obj:
    kind, code, message = MESSAGES.get(status, ("api_error", None, f"Injected {status}."))
    return StripeRefusal(status, message, kind=kind, code=code).body


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    for route in ROUTES:
        match = route.pattern.match(path) if route.method == method else None
        if match:
            return route, match.groups()
    raise StripeRefusal(
        404, f"Unrecognized request URL ({method}: {path}). The local Stripe has no such address."
    )
