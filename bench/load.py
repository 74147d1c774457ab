"""Sends signed notifications from a separate process: `python -m bench.load` reads one Order from stdin.

It speaks HTTP over a plain socket instead of using an HTTP client, because it must use only a small part of
the CPU time that the server needs, or the measurement would include it. It writes the Tally to stdout.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from bench.machine import GENERATOR, ROOT, pin

PATH = "/webhooks/stripe"
SIZE = 4096  # bytes of a body; Stripe's are 3 to 8 thousand
PATIENCE = 10.0  # seconds for the last answers


@dataclass(frozen=True)
class Order:
    """Where and how to send events: until `seconds` have passed or all bodies are sent.

    With `rate` 0 each connection sends again as soon as it is answered. Otherwise `rate` events a second are
    due, whether or not earlier ones were answered, and waiting for a free connection counts as waiting.
    """

    port: int
    connections: int
    seconds: float
    first: int  # the number of the first event
    most: int  # the number of distinct bodies that can be sent
    rate: float = 0.0
    secret: str = ""


@dataclass(frozen=True)
class Tally:
    """The results of an order, with times in seconds.

    `began`: a time.perf_counter value, which all processes share.
    """

    answered: int
    refused: int
    seconds: float
    median: float
    p99: float
    began: float

    @property
    def rate(self) -> float:
        """Return the number of answers per second."""
        return self.answered / self.seconds


def send(order: Order) -> Tally:
    """Execute the order in another process. Raises RuntimeError if any notification was refused."""
    command = [sys.executable, "-m", "bench.load"]
    asked = json.dumps(asdict(order))
    done = subprocess.run(
        command, cwd=ROOT, input=asked, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr}")
    tally = Tally(**json.loads(done.stdout))
    if tally.refused or not tally.answered:
        raise RuntimeError(f"{tally.refused} notifications were not taken, {tally.answered} were")
    return tally


def subscription_id(number: int) -> str:
    """Return the id of the subscription that the event with that number is about."""
    return f"sub_{number:020d}"


def body(number: int, now: int) -> bytes:
    """Return an event of 4 KB about a subscription of its own; no two events have the same id."""
    details = {"subscription": subscription_id(number), "metadata": {}}
    invoice = {
        "id": f"in_{number:020d}",
        "object": "invoice",
        "customer": f"cus_{number:014d}",
        "parent": {"type": "subscription_details", "subscription_details": details},
        "lines": {"object": "list", "data": []},
    }
    event = {
        "id": f"evt_{number:020d}",
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": now,
        "livemode": False,
        "type": "invoice.paid",
        "data": {"object": invoice},
    }
    lines: list[dict[str, object]] = []
    invoice["lines"] = {"object": "list", "data": lines}
    while len(text := json.dumps(event)) < SIZE - 150:
        lines.append({"id": f"il_{len(lines)}", "amount": 500, "currency": "eur", "description": "1 × Gold"})
    invoice["footer"] = "x" * (SIZE - len(text) - 14)
    return json.dumps(event).encode()


def requests(order: Order) -> list[bytes]:
    """Return complete HTTP requests, one for each event of the order, signed now."""
    now = int(time.time())
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\nAccept: */*\r\n"
        "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {SIZE}\r\n"
    )
    model = body(0, now)
    marked = [subscription_id(0), f"in_{0:020d}", f"cus_{0:014d}", f"evt_{0:020d}"]
    pieces = model.decode()
    for mark in marked:
        pieces = pieces.replace(mark, mark.split("_", 1)[0] + "_{" + str(len(mark.split("_", 1)[1])) + "}")
    found = []
    for number in range(order.first, order.first + order.most):
        text = pieces.replace("{20}", f"{number:020d}").replace("{14}", f"{number:014d}").encode()
        signature = hmac.digest(order.secret.encode(), b"%d.%b" % (now, text), "sha256").hex()
        found.append(f"{head}Stripe-Signature: t={now},v1={signature}\r\n\r\n".encode() + text)
    return found


class _Connection(asyncio.Protocol):
    """Sends one request at a time and reads its answer."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._seen = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it

    def send(self, request: bytes, since: float) -> None:
        """Send a request; `since` is the time at which it was due."""
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        end = self._seen.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._seen.lower().index(b"content-length:", 0, end) + 15
        if len(self._seen) >= end + 4 + int(self._seen[at : self._seen.index(b"\r\n", at)]):
            taken = self._seen.startswith(b"HTTP/1.1 200")
            self._seen = b""
            self._load.answered(self, self._since, taken=taken)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.refused += 1

    def close(self) -> None:
        """Close the connection without counting it as refused."""
        self._transport.abort()


class _Load:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._requests: Iterator[bytes] = itertools.chain(requests(order))
        self._idle: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._waits: list[float] = []
        self._ends = float("inf")
        self.refused = 0
        self._paced = order.rate > 0
        self._over = asyncio.Event()

    async def run(self) -> Tally:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._order.port)
            for _ in range(self._order.connections)
        ]
        connections = [protocol for _, protocol in made]
        started = time.perf_counter()
        self._ends = started + self._order.seconds
        self._idle.extend(connections)
        if self._order.rate:
            await self._keep_pace(started)
        else:
            for connection in connections:
                self._next(connection)
        async with asyncio.timeout(self._order.seconds + PATIENCE):
            await self._over.wait()
        took = time.perf_counter() - started
        refused = self.refused
        for connection in connections:
            connection.close()
        self._waits.sort()
        count = len(self._waits)
        median, p99 = (self._waits[int(count * share)] for share in (0.5, 0.99))
        return Tally(count, refused, took, median, p99, started)

    async def _keep_pace(self, started: float) -> None:
        sent = 0
        while (now := time.perf_counter()) < self._ends:
            for _ in range(int((now - started) * self._order.rate) - sent):
                sent += 1
                self._due.append(now)
            while self._due and self._idle:
                self._idle.popleft().send(next(self._requests), self._due.popleft())
            await asyncio.sleep(0.001)
        self._due.clear()
        self._paced = False
        self._end_if_idle()

    def _next(self, connection: _Connection) -> None:
        self._idle.remove(connection)
        connection.send(next(self._requests), time.perf_counter())

    def answered(self, connection: _Connection, since: float, *, taken: bool) -> None:
        now = time.perf_counter()
        if taken:
            self._waits.append(now - since)
        else:
            self.refused += 1
        if self._order.rate:
            if self._due:
                connection.send(next(self._requests), self._due.popleft())
                return
        elif now < self._ends and (request := next(self._requests, None)) is not None:
            connection.send(request, now)
            return
        self._idle.append(connection)
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if len(self._idle) == self._order.connections and not self._paced:
            self._over.set()


def main() -> None:
    """Read one order from stdin and write one tally to stdout."""
    pin(GENERATOR)
    order = Order(**json.loads(sys.stdin.read()))
    json.dump(asdict(uvloop.run(_Load(order).run())), sys.stdout)


if __name__ == "__main__":
    main()
