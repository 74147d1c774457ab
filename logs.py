"""How the program logs: a line an event, for people or for machines, without personal data."""

from __future__ import annotations

import logging
import sys

import orjson

_QUIET = {"stripe": logging.WARNING, "aiohttp.access": logging.WARNING, "discord": logging.WARNING}


def visible(text: str) -> str:
    """What strangers wrote begins no line of its own, turns nothing around and hides nothing."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(logging.Formatter):
    """A line an event, below it the trace of a fault."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.message = visible(record.message)
        return super().formatMessage(record)


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


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error. Libraries speak from warning on: what they say below that quotes addresses."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, logging.getLogger().level))
