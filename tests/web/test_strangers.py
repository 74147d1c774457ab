"""What anybody can send to the listener, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging

import pytest

from tests.web.conftest import EVENT, Door
from web.app import LARGEST_BODY


async def test_a_packed_body_is_refused_however_its_header_is_hidden(door: Door) -> None:
    body = json.dumps(EVENT).encode()
    packed = gzip.compress(body)
    two = ("Content-Encoding: identity", "Content-Encoding: gzip")
    assert await door.status(door.notification(packed, *two, signed=body)) == 400
    assert await door.status(door.notification(packed, two[1], signed=body)) == 400
    assert await door.status(door.notification(b"not packed", *two)) == 400
    assert await door.status(door.notification(body, two[1])) == 400  # rightly signed, said to be packed
    assert await door.status(door.notification(body)) == 200


async def test_a_body_has_its_bounds(door: Door) -> None:
    """Up to them a signed event is an event, beyond them nothing is."""
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
async def test_what_is_no_request_leaves_nothing_in_the_log(
    door: Door, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await door.status(sent) == 400
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == []
    assert "secret" not in caplog.text


class Heard(logging.Handler):
    """What was logged, as soon as it is."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.came = words, asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.came.set()


async def test_a_body_that_breaks_off_is_no_fault(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web.app")
    heard = Heard("400 broken off")
    logging.getLogger("web.app").addHandler(heard)
    await door.knock(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    door.writer.transport.abort()
    await heard.came.wait()
    logging.getLogger("web.app").removeHandler(heard)
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []


@pytest.mark.parametrize("sent", [b"", b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.usefixtures("impatient")
async def test_who_says_nothing_is_shown_out(door: Door, sent: bytes) -> None:
    assert await (await door.knock(sent)).read() == b""
    door.writer.close()
    assert await door.status(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == 200


async def test_a_thin_event_of_no_kind_is_acknowledged(door: Door) -> None:
    odd = {"id": "evt_2", "type": "x", "created": 1, "related_object": {"type": {}, "id": "sub_1"}}
    assert await door.status(door.notification(json.dumps(odd).encode())) == 200
