"""When the system lets the program open no further file or connection."""

from __future__ import annotations

import errno

RAISE_IT = (
    "no further connection or file may be opened; raise the limit, LimitNOFILE= of the service or ulimit -n "
    "(docs/operations.md)"
)


def lacks_descriptors(error: BaseException | None) -> bool:
    """Whether this, or what it came from, is open(2)'s EMFILE or ENFILE."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__
    return False


def kind_of(error: BaseException) -> str:
    """A fault of the network for the log, by its kind alone; with the cure where the limit is at fault."""
    return type(error).__name__ + (f": {RAISE_IT}" if lacks_descriptors(error) else "")
