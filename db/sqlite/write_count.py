"""How often the ledger was written: in the ledger, and after each commit in a file beside it.

A ledger that counts less than its file is older than itself: a backup was put in its place. So is one without
its file: it was brought from elsewhere. What happened since is unknown
(billing/use_cases/restored_ledger.py).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from billing.errors import LedgerUnavailable
from db.queries.values import COUNT, MADE, NOT_TOLD, OLDER, load_value, record_value
from db.sqlite.private_files import beside, open_private


class WriteCount:
    """The file is kept open; each write to it is one small call and waits for no disk."""

    def __init__(self, path: Path) -> None:
        self._number = 0
        try:
            self._file = open_private(beside(path, ".count"))
        except OSError as error:
            raise LedgerUnavailable(detail=str(error)) from error

    def begin(self, db: sqlite3.Connection) -> None:
        """Compare the two, and keep in the ledger where it is older than its file, or new: a start that died
        may have left it empty."""
        inside, beside = load_value(db, COUNT), self._read()
        known = int(inside or 0)
        copied = inside is not None and beside is None
        if inside is None and db.execute("SELECT 1 FROM plans LIMIT 1").fetchone() is None:
            record_value(db, MADE, NOT_TOLD)
        elif copied or known < (beside or 0):
            record_value(db, OLDER, "count")
        self._number = max(known, beside or 0)
        if inside is None:
            self.keep()  # before the commit: a ledger that counts, beside no file, would pass for a copy
        record_value(db, COUNT, str(self._number))

    def _read(self) -> int | None:
        os.lseek(self._file, 0, os.SEEK_SET)
        found = os.read(self._file, 32).strip()
        return int(found) if found.isdigit() else None

    def add(self, db: sqlite3.Connection) -> None:
        """Within a transaction that changes something."""
        self._number += 1
        db.execute("UPDATE named_values SET value = ? WHERE name = 'count'", (self._number,))

    def keep(self) -> None:
        """After its commit. Where the file cannot be written, the ledger is taken for no older for that."""
        with suppress(OSError):
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, b"%020d\n" % self._number)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
