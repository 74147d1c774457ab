"""A flood of forgeries is counted, and leaves few lines in the log."""

from __future__ import annotations

import json
import logging

import pytest

import web.log_sampler
from tests.web.conftest import EVENT, Door
from tests.web.test_connections import Heard

BODY = json.dumps(EVENT).encode()


async def test_the_log_has_a_line_for_the_first_forgery_and_a_sum_for_the_rest(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web.log_sampler, "MINUTE", 1.0)
    caplog.set_level(logging.INFO)
    heard = Heard("more in the last minute")
    logging.getLogger("web.log_sampler").addHandler(heard)
    for _ in range(50):
        assert await door.status(door.notification(BODY, signed=b"another")) == 400
    assert await door.status(door.notification(BODY)) == 200
    await heard.came.wait()
    logging.getLogger("web.log_sampler").removeHandler(heard)
    lines = [r.getMessage() for r in caplog.records if "notification stripe" in r.getMessage()]
    assert sum(": 400 " in line for line in lines) <= 10, "one a second, and a sum"
    assert sum(": 200 " in line for line in lines) == 1, "each true one has its own"
    reader = await door.knock(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b'dues_notifications_refused_total{provider="stripe"} 50.0' in await reader.read()
    door.writer.close()
