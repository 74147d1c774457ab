"""Logging: one line per event, for people or for machines, without personal data."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import orjson

GATHER = 0.02  # seconds

_OURS = ("dues", "billing", "cogs", "db", "providers", "web")


def visible(text: str) -> str:
    """The text with invisible and control characters escaped, so that strangers' input cannot start a
    line, reverse the direction of text or hide anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(logging.Formatter):
    """One line per event: time, level, logger, message and ids; below it the traceback of an error."""

    _second = -1
    _shown = ""

    def format(self, record: logging.LogRecord) -> str:
        if int(record.created) != self._second:
            self._second, self._shown = int(record.created), self.formatTime(record, self.default_time_format)
        moment = f"{self._shown},{int(record.msecs):03d}"
        line = f"{moment} {record.levelname:7} {record.name}: {visible(record.getMessage())}{_fields(record)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line: timestamp (RFC 3339, UTC), level, logger, message, each id as its own
    field, and the traceback of an error as `exception`."""

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
    """Date and time in UTC, without a fraction."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _ids(record: logging.LogRecord) -> Mapping[str, object]:
    """The ids passed as `extra={"ids": {...}}`, without those that are None."""
    ids: Mapping[str, object] = getattr(record, "ids", {})
    return {name: value for name, value in ids.items() if value is not None}


def _fields(record: logging.LogRecord) -> str:
    return "".join(f" {name}={visible(str(value))}" for name, value in _ids(record).items())


class Stream(Protocol):
    """The destination of log lines."""

    def write(self, text: str, /) -> object:
        """Accept a text."""

    def flush(self) -> None:
        """Pass on the accepted text."""


class NonBlockingStream:
    """Writes to a file descriptor without ever blocking on its reader: a pipe whose reader has stopped, or
    a paused terminal, would otherwise stop the program. Unwritten text waits, up to LONGEST bytes; lines
    beyond that are dropped, and the log says so."""

    LONGEST = 1 << 20

    def __init__(self, file: int) -> None:
        self._file = file
        regular = stat.S_ISREG(os.fstat(file).st_mode)
        # A pipe that accepts anything accepts this many bytes at once (pipe(7), PIPE_BUF).
        self._bite = self.LONGEST if regular else select.PIPE_BUF
        self._poll = select.poll()
        self._poll.register(file, select.POLLOUT)
        self._waiting = bytearray()
        self._lost = 0

    def write(self, text: str, /) -> None:
        """Write whole lines."""
        if len(self._waiting) > self.LONGEST:
            self._lost += text.count("\n")
            return
        if self._lost:
            text = f"(lines lost here, as nobody took them: {self._lost})\n{text}"
            self._lost = 0
        self._waiting += text.encode(errors="backslashreplace")

    def flush(self) -> None:
        """Write as much as is accepted now; OSError if the descriptor never accepts anything again."""
        try:
            while self._waiting and self._poll.poll(0):
                del self._waiting[: os.write(self._file, self._waiting[: self._bite])]
        except OSError:
            self._waiting.clear()
            raise


class BatchingHandler(logging.Handler):
    """Writes the lines that an event loop logs within GATHER together. Warnings, and lines logged outside
    a loop, are written at once. A line per notification then takes 5 µs instead of 27 (bench/); a killed
    process loses only that part of its log."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self._records: list[logging.LogRecord] = []
        self._flushes: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record for later. Formatting many records together takes half the time."""
        self._records.append(record)
        loop = _running_loop() if record.levelno < logging.WARNING else None
        if loop is None:
            self.flush()
        elif loop is not self._flushes:  # a loop that has ended writes nothing any more
            self._flushes = loop
            loop.call_later(GATHER, self.flush)

    def flush(self) -> None:
        """Write the waiting lines. The logging module also calls this when the program ends."""
        self.acquire()
        try:
            records, self._records, self._flushes = self._records, [], None
            lines = [line for record in records if (line := self._line(record))]
            if lines:
                self._stream.write("\n".join([*lines, ""]))
            self._stream.flush()
        except (OSError, ValueError):
            pass  # there is nowhere left to report that nobody reads the log
        finally:
            self.release()

    def _line(self, record: logging.LogRecord) -> str:
        """Format a record. Never raises, because handlers must not."""
        try:
            return self.format(record)
        except Exception:  # noqa: BLE001 - as the standard library's handlers do
            self.handleError(record)
            return ""


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop running in this thread; None if there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error. Libraries log only warnings and errors, because their lower levels quote
    addresses."""
    _open_missing()
    handler = BatchingHandler(_standard_error())
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # No line shows its caller, thread or process, and finding these would take longer than everything else
    # (docs.python.org/3/howto/logging.html, 'Optimization').
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))


def _open_missing() -> None:
    """Reopen closed standard files: otherwise the next socket would get such a file's number, and libuv
    ends the program when it closes a socket with that number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays


def _standard_error() -> Stream:
    if sys.platform == "win32":
        return sys.stderr
    try:
        return NonBlockingStream(sys.stderr.fileno())
    except (OSError, ValueError):  # a test's replacement that is not a file
        return sys.stderr
