from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import web.app
import web.connections
from db import SqliteLedger
from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from tests.ledgers import copy_schema
from web.app import LIMITER, Listener, listening
from web.connections import ConnectionLimiter

SECRET = "whsec_of_this_test"
EVENT = {
    "id": "evt_1",
    "type": "customer.subscription.updated",
    "created": 1,
    "data": {"object": {"id": "sub_1"}},
}


class Door:
    """A running listener and its clock."""

    def __init__(self, port: int, clock: MovableClock, speakers: ConnectionLimiter) -> None:
        self.port, self.clock, self.speakers = port, clock, speakers

    async def knock(self, sent: bytes) -> asyncio.StreamReader:
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(sent)
        await self.writer.drain()
        return reader

    async def status(self, sent: bytes) -> int:
        """Send these bytes and return the status of the answer. The listener may answer before it has read
        all of them, and then close the connection."""
        loop = asyncio.get_running_loop()
        with socket.socket() as line:
            line.setblocking(False)
            await loop.sock_connect(line, ("127.0.0.1", self.port))
            sending = asyncio.create_task(loop.sock_sendall(line, sent))
            answer = await loop.sock_recv(line, 1000)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return int(answer.split()[1])

    def notification(self, body: bytes, *headers: str, signed: bytes | None = None) -> bytes:
        """A request to the webhook, signed with the secret. `signed`: the body to sign in place of `body`."""
        stamp = int(self.clock.now())
        signature = hmac.digest(SECRET.encode(), b"%d.%b" % (stamp, signed or body), "sha256").hex()
        head = (
            "POST /webhooks/stripe HTTP/1.1",
            "Host: dues.example",
            f"Stripe-Signature: t={stamp},v1={signature}",
            f"Content-Length: {len(body)}",
            *headers,
        )
        return "\r\n".join([*head, "", ""]).encode() + body


@pytest.fixture(autouse=True)
def new_ledgers_copy_their_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    copy_schema(monkeypatch)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close idle connections after 0.2 s. Request this fixture before the listener's own."""
    monkeypatch.setattr(web.connections, "LONGEST_SILENCE", 0.2)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    clock = MovableClock()
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        provider = StripeProvider("sk_test_1", (SECRET,), "http://127.0.0.1:9", clock)
        application = Listener(ledger, {"stripe": provider}, clock, lambda: None).application()
        async with listening(application, "127.0.0.1", 0, 1.0) as port:
            yield Door(port, clock, application[LIMITER])
        await provider.close()
