"""Requests that anybody can send to the listener, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging

import aiohttp.web
import pytest

import web.request_bodies
from tests.web.conftest import EVENT, Door
from web.request_bodies import LARGEST_BODY, Bodies


async def test_a_compressed_body_is_refused_however_its_header_is_hidden(door: Door) -> None:
    body = json.dumps(EVENT).encode()
    packed = gzip.compress(body)
    two = ("Content-Encoding: identity", "Content-Encoding: gzip")
    assert await door.status(door.notification(packed, *two, signed=body)) == 400
    assert await door.status(door.notification(packed, two[1], signed=body)) == 400
    assert await door.status(door.notification(b"not packed", *two)) == 400
    # correctly signed, but claims to be compressed
    assert await door.status(door.notification(body, two[1])) == 400
    assert await door.status(door.notification(body)) == 200


async def test_a_body_over_the_limit_is_answered_413(door: Door) -> None:
    """A signed event up to the limit is accepted, and nothing beyond it."""
    body = json.dumps(EVENT).encode()
    fits = body.ljust(LARGEST_BODY)
    assert await door.status(door.notification(fits)) == 200
    assert await door.status(door.notification(fits + b" ")) == 413


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"secret" * 2000 + b"\r\n\r\n",
        b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    ],
)
async def test_a_malformed_request_logs_no_warning(
    door: Door, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await door.status(sent) == 400
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == []
    assert "secret" not in caplog.text


async def test_a_request_with_unacceptable_headers_is_refused_before_its_body(door: Door) -> None:
    """Each request announces the length of its body and never sends it."""
    good = door.notification(b"x" * 9)[:-9]
    assert await door.status(good.replace(b"Length: 9", b"Length: %d" % (LARGEST_BODY + 1))) == 413
    assert await door.status(good.replace(b"Stripe-Signature", b"Another-Signature")) == 400
    assert await door.status(good.replace(b"v1=", b"v1=0")) == 400
    assert await door.status(good.replace(b"v1=", b"v0=")) == 400
    door.clock.advance(301)
    assert await door.status(good) == 400
    assert await door.status(door.notification(json.dumps(EVENT).encode())) == 200


async def test_the_most_idle_body_is_dropped_if_all_are_too_large_together(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dropped one has to be sent again; the genuine one, as large as allowed, is accepted at once."""
    monkeypatch.setattr(web.request_bodies, "MOST_UNPROVEN", 3 << 20)
    body = json.dumps(EVENT).encode().ljust(LARGEST_BODY)
    strangers, lines, readers = [], [], set()
    read = Bodies.read

    async def noted(bodies: Bodies, request: aiohttp.web.Request) -> bytes:
        readers.add(bodies)
        return await read(bodies, request)

    monkeypatch.setattr(Bodies, "read", noted)
    for _ in range(3):
        strangers.append(await door.knock(door.notification(body)[:-1]))
        lines.append(door.writer)
    answers = [asyncio.create_task(stranger.readline()) for stranger in strangers]
    while sum(bodies._size for bodies in readers) < 3 * (LARGEST_BODY - 1):  # noqa: ASYNC110 - a read wakes nobody here
        await asyncio.sleep(0.01)  # until then the genuine one may be the most idle
    assert await door.status(door.notification(body)) == 200
    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    for writer, answer in zip(lines, answers, strict=True):
        if not answer.done():
            writer.write(b" ")
    statuses = sorted([(await answer).split()[1] for answer in answers])
    assert statuses == [b"200", b"200", b"503"], "who was not in the way is read to the end"
    for writer in lines:
        writer.close()


@pytest.mark.parametrize("how", ["gzip, chunked", "gzip", "chunked, gzip", "identity, chunked", "deflate"])
@pytest.mark.parametrize("start", ["POST /webhooks/stripe", "GET /return"])
async def test_a_compressed_transfer_encoding_is_refused(door: Door, how: str, start: str) -> None:
    letter = door.notification(b"{}", f"Transfer-Encoding: {how}")
    head, _, body = letter.replace(b"Content-Length: 2\r\n", b"").partition(b"\r\n\r\n")
    chunks = b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert await door.status(head.replace(b"POST /webhooks/stripe", start.encode()) + chunks) == 400


@pytest.mark.parametrize("sent", [b"GET /healthz HTTP/1.1\r\nHost: x", b"GET /x HTTP/1.1\r\nHost: x", b"\0"])
async def test_no_answer_names_a_software_version(door: Door, sent: bytes) -> None:
    answer = await (await door.knock(sent + b"\r\n\r\n")).readuntil(b"\r\n\r\n")
    door.writer.close()
    assert b"\r\nServer: Dues\r\n" in answer
    assert not any(word in answer.lower() for word in (b"python", b"aiohttp", b"3."))


class Heard(logging.Handler):
    """Captures log records and signals each one."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.came = words, asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.came.set()


async def test_a_body_that_breaks_off_logs_no_warning(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web.webhooks")
    heard = Heard("400 The connection was closed before")
    logging.getLogger("web.webhooks").addHandler(heard)
    await door.knock(door.notification(b"the whole")[:-5])
    door.writer.transport.abort()
    await heard.came.wait()
    logging.getLogger("web.webhooks").removeHandler(heard)
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []


@pytest.mark.parametrize("sent", [b"", b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.usefixtures("impatient")
async def test_a_client_that_sends_nothing_is_disconnected(door: Door, sent: bytes) -> None:
    assert await (await door.knock(sent)).read() == b""
    door.writer.close()
    assert await door.status(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == 200


async def test_a_thin_event_with_an_invalid_type_is_acknowledged(door: Door) -> None:
    odd = {"id": "evt_2", "type": "x", "created": 1, "related_object": {"type": {}, "id": "sub_1"}}
    assert await door.status(door.notification(json.dumps(odd).encode())) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["X: " + "x" * 4000], 200),
        ([f"X{number}: x" for number in range(40)], 200),
        (["X: " + "x" * 5000], 400),
        ([f"X{number}: x" for number in range(60)], 400),
    ],
    ids=["a long header", "many headers", "one too long", "too many"],
)
async def test_the_number_and_length_of_headers_are_limited(
    door: Door, headers: list[str], status: int
) -> None:
    assert (
        await door.status("\r\n".join(["GET /healthz HTTP/1.1", "Host: x", *headers, "", ""]).encode())
        == status
    )


async def test_a_body_with_expect_continue_is_requested_only_after_its_headers_pass(door: Door) -> None:
    body = json.dumps(EVENT).encode()
    letter = door.notification(body, "Expect: 100-continue")
    head = letter[: -len(body)]
    for bad in (
        head.replace(b"v1=", b"v1=0"),
        head.replace(b"Stripe-Signature", b"Another-Signature"),
        head.replace(b"Length: %d" % len(body), b"Length: %d" % (LARGEST_BODY + 1)),
        head.replace(b"100-continue", b"200-maybe"),
        head.replace(b"POST /webhooks/stripe", b"GET /return"),
    ):
        answer = await (await door.knock(bad)).readline()
        door.writer.close()
        assert b" 100 " not in answer, bad
    reader = await door.knock(head)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    door.writer.write(body)
    assert b" 200 " in await reader.readline()
    door.writer.close()


async def test_the_headers_of_a_request_are_limited_in_total(door: Door) -> None:
    """The limit also holds for a connection's second request; a long body does not count."""
    body = json.dumps(EVENT).encode()
    fields = [f"X-{number}: {'x' * 4000}" for number in range(9)]
    assert await door.status(door.notification(body, *fields[:6])) == 200
    assert await door.status(door.notification(body.ljust(LARGEST_BODY), *fields[:6])) == 200
    assert await door.status(door.notification(b"", *fields)[:-2]) == 431
    reader = await door.knock(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await reader.readline()
    door.writer.write("\r\n".join(["GET /healthz HTTP/1.1", *fields]).encode())
    assert b" 431 " in await reader.read()
    door.writer.close()
