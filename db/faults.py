"""SQLite's faults in the words of billing.errors.

Result codes: https://sqlite.org/rescode.html (the low byte is the primary code).
"""

from __future__ import annotations

import sqlite3

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
    """Whether the file is at fault, and so every operation alike, and not the one operation."""
    return _primary(error) in _DAMAGED | _UNAVAILABLE


def fault_of(error: Exception) -> DuesError:
    """The error to raise instead; the rules' own pass unchanged."""
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


def _primary(error: Exception) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
