"""Lines of the log: none lost, in order, and soon."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import threading
from collections.abc import Iterator

import pytest

from logs import JsonFormatter, Lines, TextFormatter


class Log:
    """A logger of its own, and what it wrote."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = Lines(self.stream)
        self.handler.setFormatter(formatter)
        self.logger = logging.getLogger("test.lines")
        self.logger.propagate = False
        self.logger.setLevel(logging.INFO)
        self.logger.addHandler(self.handler)

    @property
    def said(self) -> list[str]:
        return [line.split(": ", 1)[1] for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log(TextFormatter())
    yield made
    made.logger.removeHandler(made.handler)


def test_without_a_loop_a_line_is_written_at_once(log: Log) -> None:
    log.logger.info("one %d", 1)
    assert log.said == ["one 1"]


async def test_lines_of_one_turn_are_there_in_the_next(log: Log) -> None:
    for number in range(3):
        log.logger.info("%d", number)
    await asyncio.sleep(0)
    assert log.said == ["0", "1", "2"]
    log.logger.info("later")
    await asyncio.sleep(0)
    assert log.said[3:] == ["later"]


async def test_a_warning_is_written_at_once_after_what_came_before(log: Log) -> None:
    log.logger.info("before")
    log.logger.warning("fault")
    assert log.said == ["before", "fault"]


async def test_another_thread_does_not_wait_for_the_loop(log: Log) -> None:
    thread = threading.Thread(target=log.logger.info, args=("from a thread",))
    thread.start()
    thread.join()
    assert log.said == ["from a thread"]


def test_what_a_loop_left_behind_keeps_back_nothing_of_the_next(log: Log) -> None:
    async def say() -> None:
        log.logger.info("after")

    loop = asyncio.new_event_loop()
    loop.call_soon(log.logger.info, "before")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert log.said == []
    asyncio.run(say())
    assert log.said == ["before", "after"]


async def test_what_waits_at_the_end_is_written(log: Log) -> None:
    log.logger.info("last")
    log.handler.flush()  # which logging.shutdown calls
    assert log.said == ["last"]


def test_a_line_says_when_how_grave_and_who(log: Log) -> None:
    log.logger.info("so")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO    test\.lines: so\n", log.stream.getvalue()
    )


def test_the_second_that_is_kept_moves_on() -> None:
    formatter = TextFormatter()
    records = [logging.makeLogRecord({"created": at, "msecs": 7.0}) for at in (1e9, 1e9, 1e9 + 61)]
    first, same, later = (formatter.format(record) for record in records)
    assert first == same != later


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_fault_brings_its_trace(formatter: logging.Formatter) -> None:
    log = Log(formatter)
    try:
        int("no number")
    except ValueError:
        log.logger.exception("met")
    log.logger.removeHandler(log.handler)
    assert "ValueError: invalid literal" in log.stream.getvalue()


def test_json_is_an_object_a_line() -> None:
    log = Log(JsonFormatter())
    log.logger.info('a "b" %s', "c")
    log.logger.removeHandler(log.handler)
    (line,) = log.stream.getvalue().splitlines()
    assert json.loads(line)["says"] == 'a "b" c'
    assert json.loads(line)["level"] == "info"
