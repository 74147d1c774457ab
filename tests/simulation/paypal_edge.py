"""PayPal's API and messages without sockets: its certificates are made once, and its signatures are real."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from cryptography.x509.verification import Store
from multidict import CIMultiDict

from billing.ports import Clock
from providers.paypal.provider import PayPalProvider
from standins.faults import Fault
from standins.paypal import PayPalServer
from standins.paypal.certs import Authority, Holder
from standins.paypal.forgery import PLACE
from standins.paypal.signing import Message
from tests.simulation.edges import LOST_ANSWER, NO_ANSWER, START, Heard, Pause
from tests.simulation.paypal_rules import PayPalRules

URL = "http://127.0.0.1:9"
WEBHOOK = "WH-HISTORY"
CERTIFICATE = f"{URL}{PLACE}CERT-1"


@cache
def _authority() -> tuple[Authority, Holder]:
    """Good for years from when histories begin."""
    authority = Authority("Local PayPal", START)
    return authority, authority.leaf()


def signed(body: bytes, now: float) -> Mapping[str, str]:
    """The headers of a notification of PayPal's."""
    _, leaf = _authority()
    return CIMultiDict(Message(body, WEBHOOK, now, CERTIFICATE).sign(leaf).headers)


def connected(server: PayPalServer, wire: PayPalWire, clock: Clock) -> PayPalProvider:
    """The program's own provider at the end of that wire."""
    secrets = (server.client_id, server.client_secret)
    provider = PayPalProvider(*secrets, (WEBHOOK,), URL, clock, ca_file=Path("in memory"))
    session: Any = wire
    provider._api._session = provider._certificates._session = session
    provider._certificates._store = Store([_authority()[0].root.certificate])
    return provider


@dataclass
class _Question:
    """As much of aiohttp's request as the local PayPal reads."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    content_type: str = "application/json"
    transport: None = None

    async def read(self) -> bytes:
        return self.body

    async def text(self) -> str:
        return self.body.decode()


class _Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body


@dataclass
class _Got:
    """As much of aiohttp's answer as the program reads."""

    status: int
    content: _Content
    headers: Mapping[str, str]


class PayPalWire:
    """As much of aiohttp's session as the program uses, with the local PayPal behind it."""

    closed = False

    def __init__(self, server: PayPalServer, heard: Heard, rules: PayPalRules, pause: Pause) -> None:
        self._server, self._heard, self._rules, self._pause = server, heard, rules, pause
        self.strange = 0  # so many answers show a status that nobody knows
        self.behind = 0  # so many answers show how it was at first

    async def close(self) -> None:
        """There is nothing to let go of."""

    @asynccontextmanager
    async def get(self, url: str, **_: Any) -> AsyncIterator[_Got]:
        """A certificate with its chain."""
        await self._pause()
        authority, leaf = _authority()
        yield _Got(200, _Content(leaf.pem() + authority.between.pem()), {})

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] = b"",
        **_: Any,
    ) -> AsyncIterator[_Got]:
        await self._pause()
        body = data if isinstance(data, bytes) else urlencode(data).encode()
        question = _Question(method, urlsplit(url).path, params or {}, CIMultiDict(headers), body)
        fault = self._server.faults.take(method, question.path)
        if fault and fault.kind in NO_ANSWER:
            raise aiohttp.ServerDisconnectedError
        if method != "GET":
            self._note(question)
        status, answer = await self._answered(question, fault)
        await self._pause()
        if fault and fault.kind in LOST_ANSWER:
            raise aiohttp.ServerDisconnectedError
        yield _Got(status, _Content(self._heard_now(question, status, answer)), {})

    async def _answered(self, question: _Question, fault: Fault | None) -> tuple[int, bytes]:
        """The sandbox's own handler; of all faults it meets the one that this request met."""
        faults, api = self._server.faults, self._server._api
        others, faults.waiting = faults.waiting, []
        if fault and fault.kind not in LOST_ANSWER:
            faults.waiting = [Fault(fault.kind, status=fault.status)]
        try:
            handle: Any = api.token if question.path.endswith("/token") else api.handle
            answer = await handle(question)
        finally:
            faults.waiting = others
        return answer.status, answer.body or b""

    def _note(self, question: _Question) -> None:
        where = question.path.split("/")
        if where[3:4] == ["subscriptions"] and len(where) > 4:
            self._heard.changes.append((question.method, where[4]))

    def _heard_now(self, question: _Question, status: int, body: bytes) -> bytes:
        """Note an answer. A recorded subscription is fetched with its failures; the other answers tell
        only its buyer."""
        where = question.path.split("/")
        if status != 200 or where[3] != "subscriptions" or "fields" not in question.query:
            return body
        shown, bent = json.loads(body), True
        if self.strange > 0:
            self.strange -= 1
            shown["status"] = "HIBERNATING"
        elif self.behind > 0:
            self.behind -= 1
            shown = self._heard.first.get(where[4], shown)
        else:
            bent = False
        self._heard.hear_paypal(shown, bent=bent)
        self._rules.hear(shown)
        return json.dumps(shown).encode()
