"""Recognizes that the process has reached its limit of open files and connections."""

from __future__ import annotations

import errno

from billing.model.translatable_text import LogWords

RAISE_IT: LogWords = (
    "no further connection or file may be opened; raise the limit, LimitNOFILE= of the service or ulimit -n "
    "(docs/operations.md)"
)


def lacks_descriptors(error: BaseException | None) -> bool:
    """Return True if this error, or one that caused it, is EMFILE or ENFILE of open(2)."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__
    return False


def kind_of(error: BaseException) -> LogWords:
    """Return the name of a network error for the log, with the cure if the limit of open files caused it."""
    return type(error).__name__ + (f": {RAISE_IT}" if lacks_descriptors(error) else "")
