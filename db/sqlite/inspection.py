"""Read-only access to a ledger that changes nothing in it and creates no files next to it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from billing.errors import LedgerDamaged
from db.sqlite.errors import opening
from db.sqlite.group_commit import GroupCommitConnection
from db.sqlite.ledger import SqliteLedger
from db.sqlite.lock import hold_if_there
from db.sqlite.private_files import beside
from db.sqlite.schema import (
    load_migrations,
    prepare_reader,
    quick_check,
    require_known,
    require_room,
)


class InspectedLedger(SqliteLedger):
    """A ledger that is open for reading only.

    `schema`: the file's schema version, 0 if it is empty. `newest`: the version to which this program would
    migrate it. If the two differ, read nothing else.
    """

    def __init__(self, path: Path, reader: GroupCommitConnection, schema: int) -> None:
        self._path = path
        self._reader = self._writer = reader  # opened for reading alone, so SQLite refuses every write
        self.schema, self.newest = schema, len(load_migrations())

    async def close(self) -> None:
        """Close the file."""
        await self._reader.close()


@asynccontextmanager
async def looking(path: Path) -> AsyncIterator[InspectedLedger]:
    """Open a ledger for reading while the context lasts.

    Raises LedgerHeld if a bot is using it; LedgerDamaged; LedgerTooNew; LedgerNoRoom if a migration would not
    fit on the disk; LedgerUnavailable if it cannot be read.
    """
    with opening(path), hold_if_there(path), TemporaryDirectory() as folder:
        where, mode = _readable(path, Path(folder))
        found: list[int] = []
        reader = await GroupCommitConnection.open(where, _prepare(path, found.append), mode=mode)
        ledger = InspectedLedger(where, reader, found[0])
        try:
            yield ledger
        finally:
            await ledger.close()


def _readable(path: Path, folder: Path) -> tuple[Path, str]:
    """Return the file to open and its URI mode, chosen so that SQLite creates no files next to the ledger.

    A log left behind by a killed bot is read as well. If the log's index is missing, the ledger and its log
    are first copied to `folder`.
    """
    log = beside(path, "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return path, "ro&immutable=1"
    if beside(path, "-shm").exists():
        return path, "ro&readonly_shm=1"
    copy = folder / path.name
    shutil.copyfile(path, copy)
    shutil.copyfile(log, beside(copy, "-wal"))
    return copy, "ro"


def _prepare(path: Path, tell: Callable[[int], None]) -> Callable[[sqlite3.Connection], None]:
    def prepare(db: sqlite3.Connection) -> None:
        prepare_reader(db)
        newest = len(load_migrations())
        found = require_known(db, newest)
        says = quick_check(db)
        if says != "ok":
            raise LedgerDamaged(detail=says)
        if 0 < found < newest:
            require_room(path, path)
        tell(found)

    return prepare
