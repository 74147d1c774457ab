"""Translates SQLite's errors to those of billing.errors.

Result codes: https://sqlite.org/rescode.html (the low byte is the primary code).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billing.errors import DuesError, LedgerDamaged, LedgerError, LedgerUnavailable

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNAVAILABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
}


def is_of_file(error: Exception) -> bool:
    """Return True if the ledger's file is at fault, so that every operation would fail."""
    return _primary(error) in _DAMAGED | _UNAVAILABLE


def fault_of(error: Exception) -> DuesError:
    """Return the error to raise instead; errors of billing.errors are returned unchanged."""
    if isinstance(error, DuesError):
        return error
    code = _primary(error)
    kind: type[LedgerError] = LedgerError
    if code in _DAMAGED:
        kind = LedgerDamaged
    elif code in _UNAVAILABLE:
        kind = LedgerUnavailable
    fault = kind(detail=f"{type(error).__name__}: {error}")
    fault.__cause__ = error
    return fault


def _primary(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


PASSES = 75  # sysexits.h, EX_TEMPFAIL: tells a service manager to try again

_FULL = {errno.ENOSPC, errno.EDQUOT}
# A person has to change a setting or a permission.
_MISPLACED = {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Translate an error raised while a ledger is opened to a message that names the path, for the operator.

    If the cause may pass by itself, the LedgerUnavailable that is raised has the exit code PASSES.
    """
    try:
        yield
    except LedgerUnavailable as error:
        if type(error) is not LedgerUnavailable or error.__cause__ is None:
            raise
        fault = _why_not_opened(error.__cause__, path.absolute())
        raise fault from error


def _why_not_opened(cause: BaseException, path: Path) -> LedgerUnavailable:
    number = cause.errno if isinstance(cause, OSError) else None
    code = _primary(cause)
    if number in _FULL or code == sqlite3.SQLITE_FULL:
        return _passing(f"The disk that holds {path} is full. Make room there.", cause)
    if number == errno.EROFS or (code is not None and _is_read_only(path)):
        return _passing(f"The file system that holds {path} is read-only. Make it writable again.", cause)
    if number in _MISPLACED or (code is not None and not os.access(path, os.R_OK | os.W_OK)):
        tell = f"The ledger cannot be made or opened at {path}. Check DATABASE_URL and who may write there."
        return LedgerUnavailable(tell, detail=str(cause))
    return _passing(f"The ledger at {path} cannot be opened just now ({cause}).", cause)


def _is_read_only(path: Path) -> bool:
    where = path if path.exists() else path.parent
    return bool(hasattr(os, "statvfs") and where.exists() and os.statvfs(where).f_flag & os.ST_RDONLY)


def _passing(tell: str, cause: BaseException) -> LedgerUnavailable:
    fault = LedgerUnavailable(tell, detail=str(cause))
    fault.exit_code = PASSES
    return fault
