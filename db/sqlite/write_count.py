"""Counts the writes to the ledger, both in the ledger and in a file next to it.

A ledger with a lower count than its file is outdated: somebody has replaced it with a backup. A ledger
without that file is treated as outdated too: somebody has copied it from elsewhere. In both cases its
contents may no longer be true (billing/use_cases/restored_ledger.py).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from billing.errors import LedgerUnavailable
from db.queries.saved_values import COUNT, MADE, NOT_TOLD, OLDER, load_value, record_value
from db.sqlite.private_files import beside, open_private


class WriteCount:
    """The number of writes to a ledger.

    Its file stays open, and each write to it is one short system call that waits for no disk.
    """

    def __init__(self, path: Path) -> None:
        self._number = 0
        try:
            self._file = open_private(beside(path, ".count"))
        except OSError as error:
            raise LedgerUnavailable(detail=str(error)) from error

    def begin(self, db: sqlite3.Connection) -> None:
        """Compare the two counts, and record in the ledger whether it is outdated or new.

        A ledger without a count and without plans is new: an earlier start may have crashed and left it
        empty.
        """
        inside, beside = load_value(db, COUNT), self._read()
        known = int(inside or 0)
        copied = inside is not None and beside is None
        if inside is None and db.execute("SELECT 1 FROM plans LIMIT 1").fetchone() is None:
            record_value(db, MADE, NOT_TOLD)
        elif copied or known < (beside or 0):
            record_value(db, OLDER, "count")
        self._number = max(known, beside or 0)
        if inside is None:
            # before the commit: a ledger with a count but without the file would look like a copy
            self.keep()
        record_value(db, COUNT, str(self._number))

    def _read(self) -> int | None:
        os.lseek(self._file, 0, os.SEEK_SET)
        found = os.read(self._file, 32).strip()
        return int(found) if found.isdigit() else None

    def add(self, db: sqlite3.Connection) -> None:
        """Count a write; call it within the transaction that changes something."""
        self._number += 1
        db.execute("UPDATE named_values SET value = ? WHERE name = 'count'", (self._number,))

    def keep(self) -> None:
        """Write the count to the file, after the commit.

        An error is ignored: the file's count then stays lower, so the ledger does not look outdated.
        """
        with suppress(OSError):
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, b"%020d\n" % self._number)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
