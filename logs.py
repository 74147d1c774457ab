"""Logging: one line per event, for people or for machines, without personal data."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from io import FileIO, TextIOWrapper
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import Full, Queue
from typing import BinaryIO, TextIO, cast

import orjson

_OURS = ("dues", "billing", "cogs", "db", "providers", "web")


def visible(text: str) -> str:
    """Return the text with invisible and control characters escaped.

    Otherwise a stranger's input could start a new line, reverse the direction of text or hide something.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(logging.Formatter):
    """Formats an event as a line with time, level, logger, message and ids, then an error's traceback."""

    _second = -1
    _shown = ""

    def format(self, record: logging.LogRecord) -> str:
        if int(record.created) != self._second:
            self._second, self._shown = int(record.created), self.formatTime(record, self.default_time_format)
        moment = f"{self._shown},{int(record.msecs):03d}"
        line = f"{moment} {record.levelname:7} {record.name}: {visible(record.getMessage())}{_fields(record)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """Formats an event as one line of JSON.

    Its fields are timestamp (RFC 3339, UTC), level, logger, message, each id by its name, and `exception`
    with the traceback of an error.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": f"{gmtime(record.created)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": visible(record.getMessage()),
            **{name: visible(str(value)) for name, value in _ids(record).items()},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info).encode(errors="replace").decode()
        return orjson.dumps(line).decode()


def gmtime(seconds: float) -> str:
    """Format a time, given in unix seconds, as date and time in UTC, without a fraction."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _ids(record: logging.LogRecord) -> Mapping[str, object]:
    """Return the ids passed as `extra={"ids": {...}}`, without those that are None."""
    ids: Mapping[str, object] = getattr(record, "ids", {})
    return {name: value for name, value in ids.items() if value is not None}


def _fields(record: logging.LogRecord) -> str:
    return "".join(f" {name}={visible(str(value))}" for name, value in _ids(record).items())


class BoundedQueueHandler(QueueHandler):
    """Formats each record where it is logged and queues the line, without ever waiting.

    If the queue is full because nobody reads the log, lines are dropped and counted; a later line gives their
    number.
    """

    MOST = 10_000  # lines that may wait
    PATIENCE = 2.0  # seconds that the end of the program waits for a reader that has stopped

    def __init__(self) -> None:
        self.lines: Queue[logging.LogRecord | None] = Queue(self.MOST)
        super().__init__(self.lines)
        self._lost = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line. If lines were dropped before it, first queue a line with their number."""
        try:
            if self._lost:
                self.lines.put_nowait(self.prepare(self._gap()))
                self._lost = 0
            self.lines.put_nowait(record)
        except Full:
            self._lost += 1

    def _gap(self) -> logging.LogRecord:
        return logging.LogRecord(
            __name__,
            logging.WARNING,
            "",
            0,
            "%d lines are missing here, because nobody read the log",
            (self._lost,),
            None,
        )

    def flush(self) -> None:
        """Wait until all queued lines are written, but no longer than PATIENCE seconds.

        logging.shutdown calls this, even when the program ends with an unhandled error.
        """
        with self.lines.all_tasks_done:
            self.lines.all_tasks_done.wait_for(lambda: not self.lines.unfinished_tasks, self.PATIENCE)


class BatchingListener(QueueListener):
    """Writes the queued lines on its own thread, the only one that waits for a slow reader.

    It gathers lines for GATHER seconds and writes them together, because one write per line would also slow
    down the event loop.
    """

    GATHER = 0.02

    def __init__(self, lines: Queue[logging.LogRecord | None], handler: logging.Handler) -> None:
        super().__init__(lines, handler)
        self._lines = lines

    def handle(self, record: logging.LogRecord) -> None:
        """Write this line and all lines that are queued behind it."""
        time.sleep(self.GATHER)
        behind = [self._lines.get_nowait() for _ in range(self._lines.qsize())]
        record.msg = "\n".join(line.getMessage() for line in (record, *behind) if line is not None)
        super().handle(record)
        for line in behind:
            if line is None:  # the end, by stop()
                self.enqueue_sentinel()
            self._lines.task_done()


class LineWriter(logging.StreamHandler[TextIO]):
    """Writes lines to standard error."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Ignore the error: if nobody reads the log any more, there is nowhere to report it."""


def set_up_logging(level: str, form: str) -> None:
    """Send the log to standard error, at this level and in this form ('text' or 'json').

    Libraries log at least at level warning: below that, they quote addresses.
    """
    _open_missing()
    handler = BoundedQueueHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    BatchingListener(handler.lines, LineWriter(_standard_error())).start()
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # No line names its caller, thread or process, and looking them up would take longer than all the rest
    # (docs.python.org/3/howto/logging.html, 'Optimization').
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))


def _open_missing() -> None:
    """Reopen standard files that are closed.

    Otherwise the next socket would get such a file's number, and libuv ends the program when it closes a
    socket with that number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays


def _standard_error() -> TextIO:
    """Open standard error without a buffer.

    A buffer that its thread is still filling would make the program crash at its end.
    """
    try:
        raw = FileIO(sys.stderr.fileno(), "w", closefd=False)
    except (OSError, ValueError):  # a test's, which is no file
        return sys.stderr
    return TextIOWrapper(cast("BinaryIO", raw), errors="backslashreplace", write_through=True)
