"""How the program logs: a line an event, for people or for machines, without personal data."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from typing import TextIO

import orjson

_OURS = ("dues", "billing", "cogs", "db", "providers", "web")


def visible(text: str) -> str:
    """What strangers wrote begins no line of its own, turns nothing around and hides nothing."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(logging.Formatter):
    """A line an event: time, level, logger, what it says; below it the trace of a fault."""

    _second = -1
    _shown = ""

    def format(self, record: logging.LogRecord) -> str:
        if int(record.created) != self._second:
            self._second, self._shown = int(record.created), self.formatTime(record, self.default_time_format)
        time = f"{self._shown},{int(record.msecs):03d}"
        line = f"{time} {record.levelname:7} {record.name}: {visible(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """An object a line: at (unix seconds), level, logger, says, and the trace of a fault."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "says": visible(record.getMessage()),
        }
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info).encode(errors="replace").decode()
        return orjson.dumps(line).decode()


class Lines(logging.Handler):
    """Writes what is logged within one turn of the event loop together, at the turn's end; warnings, and what
    is logged where no loop runs, at once. So a line for each notification takes 9 µs instead of 27 (bench/).
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._flushes: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises, as handlers must not."""
        try:
            self._lines.append(self.format(record))
            loop = running_loop() if record.levelno < logging.WARNING else None
            if loop is None:
                self.flush()
            elif loop is not self._flushes:  # one that ended meanwhile writes nothing any more
                self._flushes = loop
                loop.call_soon(self.flush)
        except Exception:  # noqa: BLE001 - as the standard library's handlers do
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits; logging does so at the program's end, too."""
        self.acquire()
        try:
            lines, self._lines, self._flushes = self._lines, [], None
            if lines:
                self._stream.write("\n".join([*lines, ""]))
                self._stream.flush()
        except (OSError, ValueError):
            pass  # a log that nobody reads any more has no place to say so
        finally:
            self.release()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """That of this thread."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error. Libraries speak from warning on: what they say below that quotes addresses."""
    handler = Lines(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # No line names its caller, thread or process, and looking them up would take longer than all the rest
    # (docs.python.org/3/howto/logging.html, 'Optimization').
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
