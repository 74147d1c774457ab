"""Strangers with large bodies that never end: the listener's memory stays small, and a true event gets in."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from standins.clock import MovableClock
from tests.web.conftest import EVENT, Door
from web.connections import ConnectionLimiter
from web.request_bodies import LARGEST_BODY

CROWD = 900
GROWS = 110  # MiB; a bot with an empty ledger has 86 MB
BODY = json.dumps(EVENT).encode()
GARBAGE = b"x" * LARGEST_BODY


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Lone(Door):
    """A door in another process."""

    process: asyncio.subprocess.Process

    def most_memory(self) -> int:
        """Bytes that it ever held."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM")]
        return int(line.split()[1]) << 10

    def spent(self) -> float:
        """Seconds of a processor's time that it used, which a busy machine makes no longer (proc(5))."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
async def lone(tmp_path: Path) -> AsyncIterator[Lone]:
    command = (sys.executable, "-m", "tests.web.listener_process", str(tmp_path / "ledger.db"))
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    door = Lone(int(await process.stdout.readline()), MovableClock(), ConnectionLimiter())
    door.process = process
    yield door
    process.stdin.close()
    await process.wait()


async def press(port: int, sent: bytes) -> None:
    """As much of it as the other end takes, and then nothing more."""
    loop = asyncio.get_running_loop()
    with socket.socket() as line, suppress(ConnectionError):
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", port))
        await loop.sock_sendall(line, sent)
        await asyncio.Event().wait()


def half(header: bytes, length: bytes = b"Content-Length: %d" % LARGEST_BODY) -> bytes:
    """All but the last byte of a body of the largest size."""
    head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n%b\r\n%b\r\n\r\n" % (header, length)
    chunk = b"%x\r\n" % len(GARBAGE) if b"chunked" in length else b""
    return head + chunk + GARBAGE[:-1]


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="Linux tells how much memory a process had"
)
@pytest.mark.parametrize("kind", ["unsigned", "well-formed", "in chunks", "only headers"])
@pytest.mark.timeout(180)
async def test_large_bodies_that_never_end_cost_little_memory(lone: Lone, kind: str) -> None:
    header = f"Stripe-Signature: t={int(lone.clock.now())},v1={'0' * 64}".encode()
    fields = [b"X-%d: %b\r\n" % (number, b"x" * 4000) for number in range(45)]
    sent = {
        "unsigned": half(b"X: y"),
        "well-formed": half(header),
        "in chunks": half(header, b"Transfer-Encoding: chunked"),
        "only headers": b"POST /webhooks/stripe HTTP/1.1\r\n" + b"".join(fields),
    }[kind]
    before = lone.most_memory()
    crowd = [asyncio.create_task(press(lone.port, sent)) for _ in range(CROWD)]
    for _ in range(5):
        spent = lone.spent()
        assert await lone.status(lone.notification(BODY)) == 200
        while (status := await lone.status(lone.notification(BODY.ljust(LARGEST_BODY)))) == 503:
            pass  # as large as theirs and no faster while all are sending: a provider sends it again
        assert status == 200
        assert lone.spent() - spent < 10
        await asyncio.sleep(0.5)
    for one in crowd:
        one.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert (lone.most_memory() - before) >> 20 < GROWS
