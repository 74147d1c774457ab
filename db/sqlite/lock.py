"""Makes sure that only one process uses a ledger."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from billing.errors import LedgerHeld, LedgerUnavailable
from db.sqlite.private_files import beside, keep_all_private, make_folder, open_private

log = logging.getLogger(__name__)

if sys.platform == "win32":
    import msvcrt

    def _seize(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _seize(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(path: Path) -> IO[bytes]:
    """Lock `<path>.lock`, and return the open file. The lock lasts until it is closed or the process ends.

    Raises LedgerHeld if another process has the lock, and LedgerUnavailable if the file cannot be created.
    The lock file is never removed: otherwise two processes could each lock a different file of the same name.
    """
    try:
        make_folder(path.parent)
        file = os.fdopen(open_private(beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab")
    except OSError as error:
        raise _cannot_be_made(error) from error
    try:
        _seize(file)
    except OSError as error:
        file.close()
        raise LedgerHeld(detail=f"{path} is held by another process") from error
    return file


@contextmanager
def hold_if_there(path: Path) -> Iterator[None]:
    """Lock `<path>.lock` while the context lasts if the file exists. No file is created.

    If the file is missing, no bot uses the ledger. Raises LedgerHeld if another process has the lock.
    """
    try:
        file = beside(path, ".lock").open("rb")
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise _cannot_be_made(error) from error
    with file:
        try:
            _seize(file)
        except OSError as error:
            raise LedgerHeld(detail=f"{path} is held by another process") from error
        yield


def make(path: Path) -> None:
    """Create the ledger's file if it is missing, and make it and its side files private."""
    try:
        os.close(open_private(path))
        new = path.stat().st_size == 0
    except OSError as error:
        raise _cannot_be_made(error) from error
    keep_all_private(path)
    if new:
        log.warning("There was no ledger at %s, so a new and empty one was made", path.absolute())


def _cannot_be_made(error: OSError) -> LedgerUnavailable:
    tell = "The ledger cannot be made or opened there. Check DATABASE_URL and who may write to that folder."
    return LedgerUnavailable(tell, detail=str(error))
