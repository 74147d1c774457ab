"""Log lines: none lost, in order, and soon."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from logs import GATHER, BatchingHandler, JsonFormatter, NonBlockingStream, TextFormatter


class Log:
    """A logger of its own, with its output."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = BatchingHandler(self.stream)
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


def test_a_log_line_without_a_running_loop_is_written_at_once(log: Log) -> None:
    log.logger.info("one %d", 1)
    assert log.said == ["one 1"]


async def test_log_lines_are_written_soon_and_in_order(log: Log) -> None:
    for number in range(3):
        log.logger.info("%d", number)
        await asyncio.sleep(0)
    assert log.said == []
    await asyncio.sleep(2 * GATHER)
    assert log.said == ["0", "1", "2"]
    log.logger.info("later")
    await asyncio.sleep(2 * GATHER)
    assert log.said[3:] == ["later"]


async def test_a_log_line_that_cannot_be_formatted_blocks_no_other(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.logger.info("before")
    log.handler.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "%d", "args": ("no number",)}))
    log.logger.info("after")
    log.handler.flush()
    assert log.said == ["before", "after"]
    assert "--- Logging error ---" in capsys.readouterr().err


async def test_a_warning_is_written_at_once_with_the_lines_before_it(log: Log) -> None:
    log.logger.info("before")
    log.logger.warning("fault")
    assert log.said == ["before", "fault"]


async def test_log_lines_of_another_thread_do_not_wait_for_the_loop(log: Log) -> None:
    thread = threading.Thread(target=log.logger.info, args=("from a thread",))
    thread.start()
    thread.join()
    assert log.said == ["from a thread"]


def test_log_lines_left_by_a_closed_loop_do_not_block_the_next_one(log: Log) -> None:
    async def say() -> None:
        log.logger.info("after")
        await asyncio.sleep(2 * GATHER)

    loop = asyncio.new_event_loop()
    loop.call_soon(log.logger.info, "before")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert log.said == []
    asyncio.run(say())
    assert log.said == ["before", "after"]


async def test_log_lines_that_wait_at_the_exit_are_written(log: Log) -> None:
    log.logger.info("last")
    log.handler.flush()  # logging.shutdown calls this
    assert log.said == ["last"]


def read_all(file: int) -> str:
    """The contents of a pipe."""
    os.set_blocking(file, False)
    found = b""
    with suppress(BlockingIOError):
        while piece := os.read(file, 1 << 20):
            found += piece
    return found.decode()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    both = os.pipe()
    yield both
    for file in both:
        with suppress(OSError):
            os.close(file)


def test_a_log_reader_that_stops_reading_blocks_nobody(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    handler = BatchingHandler(NonBlockingStream(writer))
    log = logging.getLogger("test.unread")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    line = "x" * 99
    for number in range(25_000):
        log.info("%06d %s", number, line)
    said = ""
    while more := read_all(reader):
        said += more
        handler.flush()
    log.info("later")
    said += read_all(reader)
    *kept, lost, last = said.splitlines()
    assert kept == [f"{number:06d} {line}" for number in range(len(kept))]
    assert NonBlockingStream.LONGEST < len("\n".join(kept)) < 2 * NonBlockingStream.LONGEST
    assert str(25_000 - len(kept)) in lost
    assert last == "later"


def test_a_log_reader_that_went_away_causes_no_error(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    stream = NonBlockingStream(writer)
    stream.write("one\n")
    with pytest.raises(BrokenPipeError):
        stream.flush()
    stream.flush()  # nothing is left to write


def test_a_log_file_gets_every_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        stream = NonBlockingStream(file.fileno())
        stream.write("öne \ud83d\n" * 50_000)
        stream.flush()
    assert (tmp_path / "log").read_text() == "öne \\ud83d\n" * 50_000


PROGRAM = """
import logging, os, socket, sys
from logs import set_up_logging
set_up_logging("info", "text")
logging.warning("nobody hears this")
sys.exit(0 if socket.socket().fileno() > 2 else 5)
"""


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-", "<&- 2>&-", "2>/dev/full"])
def test_a_program_without_standard_streams_reuses_none_of_their_descriptors(closed: str) -> None:
    shell = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, PROGRAM]
    assert subprocess.run(shell, cwd=Path(__file__).parents[1], timeout=60, check=False).returncode == 0


def test_a_text_log_line_has_time_level_and_logger(log: Log) -> None:
    log.logger.info("so")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO    test\.lines: so\n", log.stream.getvalue()
    )


def test_the_cached_second_of_log_times_moves_on() -> None:
    formatter = TextFormatter()
    records = [logging.makeLogRecord({"created": at, "msecs": 7.0}) for at in (1e9, 1e9, 1e9 + 61)]
    first, same, later = (formatter.format(record) for record in records)
    assert first == same != later


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_logged_error_includes_its_traceback(formatter: logging.Formatter) -> None:
    log = Log(formatter)
    try:
        int("no number")
    except ValueError:
        log.logger.exception("met")
    log.logger.removeHandler(log.handler)
    assert "ValueError: invalid literal" in log.stream.getvalue()


def test_json_logs_are_one_object_a_line() -> None:
    log = Log(JsonFormatter())
    log.logger.info('a "b" %s', "c")
    log.logger.removeHandler(log.handler)
    (line,) = log.stream.getvalue().splitlines()
    assert json.loads(line)["message"] == 'a "b" c'
    assert json.loads(line)["level"] == "info"
