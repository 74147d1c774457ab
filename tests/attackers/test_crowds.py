"""Many at once: what is asked here is in which order things are answered, never how fast."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress

import pytest

import web.app
import web.connections
import web.request_bodies
from tests.app.harness import AppHarness, link_of
from tests.app.sale import buy, paypal_of
from tests.attackers.post import SIGNED, Letter, event, send, written

CROWD = 500
HEAD = b"POST /webhooks/stripe HTTP/1.1\r\nHost: dues.example\r\nStripe-Signature: t=NOW,v1=%b\r\n" % (
    b"0" * 64
)
# The bytes that each of them sends before it falls silent.
BEGINNINGS = (
    b"",
    b"POST /webhooks/str",
    HEAD,
    HEAD + b"Content-Length: 1000\r\n\r\n",
    HEAD + b'Content-Length: 1000\r\n\r\n{"id": "evt_1"',
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    HEAD + b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"id": "evt_1"',
)


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of all these lines are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_waiting(line: socket.socket) -> bool:
    """Whether it is open, and nothing came back."""
    try:
        line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    return False


def dated(app: AppHarness, beginning: bytes) -> bytes:
    """Without a fresh time in the header nobody would wait for the body."""
    return beginning.replace(b"NOW", b"%d" % app.clock.now())


async def dial(app: AppHarness, beginning: bytes) -> socket.socket:
    line = socket.socket()
    line.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(line, ("127.0.0.1", app.port))
    await loop.sock_sendall(line, dated(app, beginning))
    return line


@pytest.mark.usefixtures("many_files")
async def test_a_true_notification_is_stored_while_strangers_hold_half_open_requests(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.request_bodies, "SLOWEST_BODY", 3600.0)
    monkeypatch.setattr(web.connections, "LONGEST_SILENCE", 3600.0)
    with ExitStack() as stack:
        crowd = [await dial(app, BEGINNINGS[n % len(BEGINNINGS)]) for n in range(CROWD)]
        for line in crowd:
            stack.enter_context(line)
        await buy(app, "stripe")
        await buy(app, "paypal", app.cleo)
        assert {one.attempts[-1].status for one in app.stripe.deliveries} == {200}
        assert {one.attempts[-1].status for one in paypal_of(app).deliveries} == {200}
        assert sum(map(is_waiting, crowd)) == CROWD
        # One by one, a byte each: they are heard all the same.
        for line in crowd:
            await asyncio.get_running_loop().sock_sendall(line, b"x")
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


@pytest.mark.parametrize("beginning", BEGINNINGS[3:])
async def test_a_connection_that_never_ends_its_body_is_closed(
    app: AppHarness, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    """Without a body begun: tests/web/test_connections.py."""
    monkeypatch.setattr(web.request_bodies, "SLOWEST_BODY", 0.05)
    monkeypatch.setattr(web.app, "LONGEST_LINGER", 0.05)
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(dated(app, beginning))
        assert (await reader.readline()).split()[1] == b"400"
        await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


class Flood:
    """Forgers who send one after another until they are told to stop, and how often each was refused."""

    def __init__(self, app: AppHarness, letters: list[Letter]) -> None:
        self.app, self.letters = app, letters
        self.refused = [0] * len(letters)
        self.statuses: set[int] = set()
        self.stopped = False
        self._another = asyncio.Event()

    async def pour(self, number: int) -> None:
        while not self.stopped:
            self.statuses.add(await send(self.app, self._afresh(self.letters[number])))
            self.refused[number] += 1
            self._another.set()

    def _afresh(self, letter: Letter) -> Letter:
        """Each of PayPal's names a certificate that nobody has asked for yet, where PayPal's own are."""
        if letter.provider == "stripe":
            return letter
        made_up = f"{paypal_of(self.app).url}/v1/notifications/certs/CERT-{sum(self.refused)}"
        return letter.but("PAYPAL-CERT-URL", made_up.encode())

    async def goes_on(self) -> None:
        """Everybody is refused twice more, and so once wholly from now on."""
        wanted = [count + 2 for count in self.refused]
        async with asyncio.timeout(30):
            while any(count < want for count, want in zip(self.refused, wanted, strict=True)):
                self._another.clear()
                await self._another.wait()


@asynccontextmanager
async def flood(app: AppHarness, letters: list[Letter]) -> AsyncIterator[Flood]:
    one = Flood(app, letters)
    tasks = [asyncio.create_task(one.pour(number)) for number in range(len(letters))]
    try:
        await one.goes_on()
        yield one
    finally:
        one.stopped = True
        await asyncio.gather(*tasks)


async def test_commands_answer_during_a_flood_of_forgeries(app: AppHarness) -> None:
    letters = []
    for provider, sign in SIGNED.items():
        body = written(event(app, provider, "sub_1"))
        good = sign(app, body)
        letters += [Letter(provider, body + b" " * n, good.headers) for n in range(1, 9)]
    await buy(app, "paypal", app.ada)
    async with flood(app, letters) as others:
        await buy(app, "stripe")
        await others.goes_on()
        await buy(app, "paypal", app.cleo)
        asked = await app.bob.run(app.guild, "cancel")
        await asked.press("Cancel subscription")
        assert link_of(await app.bob.run(app.guild, "manage"))
        await others.goes_on()
        assert others.statuses == {400, 503}, "few made-up certificates are looked for, the rest may be true"
        assert len(SIGNED) < len(paypal_of(app).certificate_asks) < 60, "few were looked for"
    assert {one.attempts[-1].status for one in app.stripe.deliveries} == {200}
