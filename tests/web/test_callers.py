"""More connections than allowed: a caller that delivers gets through, and idle strangers make room."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from tests.web.conftest import EVENT, Door
from web.connections import CROWDED

FILES = 400  # of this process, which holds both ends
MOST = FILES // 4
ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Strangers who send this and then nothing more."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.lines: list[socket.socket] = []

    async def grow(self, count: int, saying: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            line = socket.socket()
            self.lines.append(line)
            line.setblocking(False)
            await loop.sock_connect(line, ("127.0.0.1", self.door.port))
            await loop.sock_sendall(line, saying)
            if saying.endswith(b"\r\n\r\n"):
                assert b" 200 " in await loop.sock_recv(line, 1000)

    def held(self) -> list[bool]:
        """For each stranger, whether the connection is still open."""
        return [_is_open(line) for line in self.lines]

    async def is_shown_out(self) -> None:
        """Wait until the last stranger is disconnected."""
        for line in self.lines:
            assert await asyncio.get_running_loop().sock_recv(line, 1) == b""

    def leave(self) -> None:
        for line in self.lines:
            line.close()
        self.lines.clear()


def _is_open(line: socket.socket) -> bool:
    try:
        line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


@pytest.fixture
async def crowd(door: Door) -> AsyncIterator[Crowd]:
    one = Crowd(door)
    yield one
    one.leave()


@pytest.mark.parametrize("saying", [b"", b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n"])
async def test_idle_connections_are_closed_to_admit_a_notification(
    door: Door, crowd: Crowd, caplog: pytest.LogCaptureFixture, saying: bytes
) -> None:
    """The oldest is closed for each new one; the log reports it once."""
    await crowd.grow(MOST + 50, saying)
    assert await door.status(door.notification(json.dumps(EVENT).encode())) == 200
    assert crowd.held() == [False] * 51 + [True] * (MOST - 1)
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == [CROWDED % MOST]


@pytest.mark.parametrize("looks", [0, 1])
async def test_a_connection_that_is_used_now_and_then_is_kept(door: Door, crowd: Crowd, looks: int) -> None:
    """Like the connection that a proxy or a provider keeps open for deliveries; it is older than all
    strangers, and the listener has checked for idle connections since it was last used."""
    letter = door.notification(json.dumps(EVENT).encode())
    reader = await door.knock(letter)
    assert b" 200 " in await reader.readline()
    await reader.readuntil(b"\r\n\r\nstored 1")
    for _ in range(looks):
        with suppress(TimeoutError):
            await asyncio.wait_for(door.speakers.close_idle(), 0.01)
    await crowd.grow(MOST + 50)
    door.writer.write(letter)
    assert b" 200 " in await reader.readline()
    door.writer.close()
    assert crowd.held() == [False] * 51 + [True] * (MOST - 1)


async def test_a_new_connection_has_time_to_send(door: Door, crowd: Crowd) -> None:
    """Even if every stranger has sent something and only the new client has not."""
    await crowd.grow(MOST, ASK)
    reader = await door.knock(b"")
    await crowd.grow(MOST // 4, ASK)
    door.writer.write(door.notification(json.dumps(EVENT).encode()))
    assert b" 200 " in await reader.readline()
    door.writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_second_crowd_of_connections_is_logged_again(
    door: Door, crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that come back as fast as they are closed are not logged again; a quiet time has to lie in
    between."""
    async with asyncio.timeout(30):
        while caplog.text.count("Callers hold all") < 2:
            for count in (MOST + 20, 1):
                await crowd.grow(count)
                await crowd.is_shown_out()
                crowd.leave()


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_never_reads_the_answers_is_disconnected(door: Door) -> None:
    """Otherwise unsent data would hold the connection forever."""
    await door.knock(b"")
    with pytest.raises(ConnectionError):
        await _ask_on(door)


async def _ask_on(door: Door) -> None:
    """Send requests until the other end has heard enough."""
    while True:
        door.writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        await door.writer.drain()
