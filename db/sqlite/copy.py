"""Makes copies of a ledger that are complete and private as soon as they appear under their name."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from billing.errors import Conflict, LedgerNoRoom, LedgerUnavailable
from db.sqlite.private_files import beside, make_folder, open_private


def copy_into(db: sqlite3.Connection, target: Path, *, replace: bool = False) -> None:
    """Copy the committed state to a file, which appears only once it is complete and on disk.

    Raises Conflict if the target exists and `replace` is False; LedgerUnavailable or sqlite3.Error if it
    cannot be written.
    """
    if target.exists() and not replace:
        raise Conflict(f"{target} is there already. Name another file for the backup.")
    part = beside(target, ".part")
    with _told(target):
        make_folder(target.parent)
        part.unlink(missing_ok=True)
        os.close(open_private(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            db.execute("VACUUM INTO ?", (str(part),))
            settle(part, target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    full = f"The disk is full, so {target} was not written."
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LedgerNoRoom(full) from error
        raise LedgerUnavailable(f"{target} cannot be written ({error.strerror}).") from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise LedgerNoRoom(full) from error
        raise


def settle(part: Path, target: Path) -> None:
    """Flush a complete file to disk, and give it its final name."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's file names to disk; does nothing on systems that cannot do that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def connect(path: Path) -> closing[sqlite3.Connection]:
    """Open a read-only connection to an existing file, which others may be using."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    return closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=30))
