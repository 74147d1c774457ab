"""Helpers of the tests of the local PayPal."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from standins.paypal import PayPalServer
from standins.paypal.times import stamp

DAY = 86_400
RETURN, CANCEL = "http://127.0.0.1:1/paypal/return?way=1", "http://127.0.0.1:1/paypal/cancel"
CONTEXT = {"return_url": RETURN, "cancel_url": CANCEL, "brand_name": "Lantern Club"}


@dataclass
class Receiver:
    """A webhook's listener; `answer` is what it says to each delivery."""

    url: str = ""
    answer: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.answer)

    def kinds(self) -> list[str]:
        return [json.loads(body)["event_type"] for _, body in self.got]


@dataclass
class Client:
    """A merchant's program: plain aiohttp, with a token that is renewed when the clock has passed its end."""

    fake: PayPalServer
    session: aiohttp.ClientSession
    token: str = ""
    ends_at: float = 0.0

    async def ask_token(self, account: str = "client:secret", **form: str) -> tuple[int, Any]:
        given = base64.b64encode(account.encode()).decode()
        data = form or {"grant_type": "client_credentials"}
        headers = {"Authorization": f"Basic {given}"}
        url = f"{self.fake.url}/v1/oauth2/token"
        async with self.session.post(url, data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, body); header names with _ for -."""
        if self.fake.clock.now() >= self.ends_at:
            _, answer = await self.ask_token()
            self.token, self.ends_at = answer["access_token"], self.fake.clock.now() + answer["expires_in"]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Authorization": f"Bearer {self.token}", **named}
        sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        if isinstance(body, bytes):
            named.setdefault("Content-Type", "application/json")
        url = path if path.startswith("http") else f"{self.fake.url}{path}"
        async with self.session.request(method, url, headers=named, **sent) as got:
            text = await got.text()
            return got.status, json.loads(text) if text else None

    async def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, answer = await self.call(method, path, body, **headers)
        assert status < 300, answer
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """(status, the issue of the first detail, else the name)."""
        status, answer = await self.call(method, path, body, **headers)
        assert status >= 400, answer
        assert answer["debug_id"]
        details = answer.get("details", [{}])
        return status, details[0].get("issue", answer["name"])

    async def pending(self, plan: Any, **more: Any) -> Any:
        """A new subscription, fully shown."""
        given = {"plan_id": plan["id"], "custom_id": "opaque", "application_context": CONTEXT, **more}
        return await self.good("POST", "/v1/billing/subscriptions", given, Prefer="return=representation")

    async def active(self, plan: Any, **more: Any) -> Any:
        made = await self.pending(plan, **more)
        self.fake.approve(link(made, "approve"))
        return await self.show(made)

    async def show(self, subscription: Any, fields: str = "last_failed_payment,plan") -> Any:
        return await self.good("GET", f"{path_of(subscription)}?fields={fields}")

    async def transactions(self, subscription: Any) -> list[Any]:
        span = f"start_time=2020-01-01T00:00:00Z&end_time={stamp(self.fake.clock.now())}"
        answer = await self.good("GET", f"{path_of(subscription)}/transactions?{span}")
        found: list[Any] = answer["transactions"]
        return found


def link(shown: Any, rel: str) -> str:
    return str(next(one["href"] for one in shown["links"] if one["rel"] == rel))


def path_of(subscription: Any) -> str:
    return f"/v1/billing/subscriptions/{subscription['id']}"


def kinds(fake: PayPalServer) -> list[str]:
    """The events that a subscription brought, oldest first."""
    return [
        one["event_type"]
        for one in fake.events
        if one["event_type"].startswith(("BILLING.SUB", "PAY", "CUS"))
    ]
