"""Lines of the log: none lost, in order, and no reader of the log holds up the program."""

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
from pathlib import Path
from typing import TextIO

import pytest

from logs import BatchingListener, BoundedQueueHandler, JsonFormatter, LineWriter, TextFormatter


class Log:
    """A logger of its own that writes to a stream."""

    def __init__(self, formatter: logging.Formatter, stream: TextIO | None = None) -> None:
        self.stream = stream or io.StringIO()
        self.handler = BoundedQueueHandler()
        self.handler.setFormatter(formatter)
        self._listener = BatchingListener(self.handler.lines, LineWriter(self.stream))
        self._listener.start()
        self.logger = logging.Logger("test.lines", logging.INFO)  # noqa: LOG001 - pytest would capture the lines
        self.logger.addHandler(self.handler)

    def text(self) -> str:
        """All that was written, once nothing waits."""
        self.handler.flush()
        assert isinstance(self.stream, io.StringIO)
        return self.stream.getvalue()

    @property
    def said(self) -> list[str]:
        return [line.split(": ", 1)[1] for line in self.text().splitlines()]

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self.logger.removeHandler(self.handler)
        self._listener.stop()


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log(TextFormatter())
    yield made
    made.close()


def test_log_lines_are_written_once_each_and_in_order(log: Log) -> None:
    for number in range(300):
        log.logger.info("%d", number)
    assert log.said == [str(number) for number in range(300)]
    log.logger.warning("later")
    assert log.said[300:] == ["later"]


def test_log_lines_that_wait_at_the_exit_are_written() -> None:
    log = Log(TextFormatter())
    for number in range(300):
        log.logger.info("%d", number)
    log.close()
    assert len(log.said) == 300


def test_a_log_line_that_cannot_be_formatted_blocks_no_other(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.logger.info("before")
    log.handler.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "%d", "args": ("no number",)}))
    log.logger.info("after")
    assert log.said == ["before", "after"]
    assert "--- Logging error ---" in capsys.readouterr().err


def test_log_lines_of_another_thread_are_written(log: Log) -> None:
    thread = threading.Thread(target=log.logger.info, args=("from a thread",))
    thread.start()
    thread.join()
    assert log.said == ["from a thread"]


def unbuffered(file: io.IOBase) -> io.TextIOWrapper:
    """As standard error is written to."""
    raw = io.FileIO(file.fileno(), "w", closefd=False)
    return io.TextIOWrapper(raw, errors="backslashreplace", write_through=True)


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    """Its two ends: to be read from, and to be written to."""
    reader, writer = os.pipe()
    with io.FileIO(reader) as read, io.FileIO(writer, "w") as write:
        yield read, write


async def test_a_log_reader_that_stops_reading_blocks_nobody_and_learns_how_much_it_missed(
    pipe: tuple[io.FileIO, io.FileIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedQueueHandler, "PATIENCE", 60.0)
    reader, writer = pipe
    log = Log(TextFormatter(), unbuffered(writer))
    for number in range(25_000):  # 2.5 MB, of which a pipe takes 64 KB
        log.logger.info("%06d %s", number, "x" * 70)
    read = asyncio.create_task(asyncio.to_thread(reader.readall))
    await asyncio.to_thread(log.handler.flush)
    log.logger.info("later")
    await asyncio.to_thread(log.close)
    writer.close()
    *kept, lost, last = [line.split(": ", 1)[1] for line in (await read).decode().splitlines()]
    assert [line[:6] for line in kept] == [f"{number:06d}" for number in range(len(kept))]
    assert BoundedQueueHandler.MOST <= len(kept) < 25_000
    assert lost.startswith(f"{25_000 - len(kept)} lines are missing here")
    assert last == "later"


def test_a_log_reader_that_never_reads_delays_the_exit_only_briefly(
    pipe: tuple[io.FileIO, io.FileIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedQueueHandler, "PATIENCE", 0.01)
    reader, writer = pipe
    log = Log(TextFormatter(), unbuffered(writer))
    log.logger.info("x" * 100_000)
    log.handler.flush()
    reader.close()
    log.close()


def test_a_log_reader_that_went_away_causes_no_error(
    pipe: tuple[io.FileIO, io.FileIO], capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = pipe
    reader.close()
    log = Log(TextFormatter(), unbuffered(writer))
    log.logger.info("one")
    log.handler.flush()
    log.logger.info("two")
    log.close()
    assert capsys.readouterr().err == ""


def test_a_log_file_gets_every_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        log = Log(logging.Formatter("%(message)s"), unbuffered(file))
        log.logger.info("\n".join(["öne \ud83d"] * 50_000))
        log.close()
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


ENDS = """
import logging, sys
from logs import set_up_logging
set_up_logging("info", "json")
for number in range(500):
    logging.warning("line %d", number)
"""


@pytest.mark.parametrize(("end", "code"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError", 1)])
def test_no_log_line_is_lost_however_the_program_ends(end: str, code: int) -> None:
    command = [sys.executable, "-c", ENDS + end]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, timeout=60, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
    assert done.returncode == code
    assert [line["message"] for line in lines] == [f"line {number}" for number in range(500)]


def test_a_text_log_line_has_time_level_and_logger(log: Log) -> None:
    log.logger.info("so")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO    test\.lines: so\n", log.text())


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
    log.close()
    assert "ValueError: invalid literal" in log.text()


def test_json_logs_are_one_object_a_line() -> None:
    log = Log(JsonFormatter())
    log.logger.info('a "b" %s', "c")
    log.close()
    (line,) = log.text().splitlines()
    assert json.loads(line)["message"] == 'a "b" c'
    assert json.loads(line)["level"] == "info"
