"""Migrates a ledger's file to the schema of this program."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from billing.errors import LedgerDamaged, LedgerNoRoom, LedgerTooNew
from db.sqlite.copy import copy_into
from db.sqlite.private_files import beside

_FOLDER = Path(__file__).parent / "migrations"

# Bytes. A full check of a larger ledger would take seconds at every start, so it runs after the start
# (db/sqlite/integrity_check.py); SQLite itself checks the header, the schema and the length of the file.
CHECKED_WHOLE = 128 * 2**20


def load_migrations() -> list[str]:
    """Load the migration scripts in order; the n-th (from 1) leads to `user_version` n."""
    return [path.read_text("utf-8") for path in sorted(_FOLDER.glob("[0-9]*.sql"))]


# A commit is on disk when it returns (FULL). Checkpoints run outside the commits (db/sqlite/checkpointer.py)
# unless a single change fills the log, such as selling a plan to a million members. A cache of 64 MiB holds
# the upper levels of every index for several million subscriptions.
_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA journal_size_limit = 67108864",
)
_READER = ("PRAGMA query_only = ON", "PRAGMA cache_size = -32768", "PRAGMA temp_store = MEMORY")


def prepare_writer(db: sqlite3.Connection) -> None:
    """Check and migrate the ledger, and apply the writer's settings, before any other operation runs."""
    prepare(db, load_migrations())


def prepare_reader(db: sqlite3.Connection) -> None:
    """Apply the settings of a read-only connection."""
    for pragma in _READER:
        db.execute(pragma)


def prepare_scanner(db: sqlite3.Connection) -> None:
    """Apply the settings of a connection that reads everything once and gains nothing from cached pages."""
    prepare_reader(db)
    db.execute("PRAGMA cache_size = -2048")


def prepare(db: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Check the file and migrate it to the newest schema; a copy of the old file is kept next to it.

    Raises LedgerTooNew; LedgerDamaged; LedgerNoRoom if the migration would not fit on the disk; sqlite3.Error
    if the file cannot be read or written.
    """
    found = require_known(db, len(migrations))
    _check(db)
    path = path_of(db)
    if path and 0 < found < len(migrations):
        require_room(path, path)
        copy_into(db, beside(path, f".schema-{found}"), replace=True)
    for pragma in _WRITER:
        db.execute(pragma)
    for version in range(found + 1, len(migrations) + 1):
        _migrate(db, version, migrations[version - 1])


def require_known(db: sqlite3.Connection, newest: int) -> int:
    """Return the file's schema version.

    Raises LedgerTooNew if it is newer than this program, and LedgerDamaged if the file is not a ledger.
    """
    found = version_of(db)
    if found > newest:
        raise LedgerTooNew(detail=f"schema {found}, this program knows {newest}")
    if found == 0 and db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        raise LedgerDamaged("This file is not a ledger of Dues. Point DATABASE_URL to another one.")
    return found


def path_of(db: sqlite3.Connection) -> Path | None:
    """Return the path of a connection's database; None if the database is in memory."""
    name = db.execute("PRAGMA database_list").fetchone()[2]
    return Path(name) if name else None


def require_room(source: Path, target: Path) -> None:
    """Raise LedgerNoRoom unless the disk of `target` has room for a copy of the ledger at `source`."""
    parts = (beside(source, ending) for ending in ("", "-wal"))
    needed = sum(part.stat().st_size for part in parts if part.exists())
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise LedgerNoRoom(
            f"The disk of {target.parent.absolute()} has {free:,} bytes free, and a copy of the ledger takes "
            f"{needed:,}. Make room there, then start again; nothing was changed."
        )


def version_of(db: sqlite3.Connection) -> int:
    """Return the file's schema version; 0 for an empty file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


# A line of a migration that runs only if the table has that column.
_WHERE_THERE = re.compile(r"^ALTER TABLE (\w+) DROP COLUMN (\w+);  -- where it is there$", re.MULTILINE)


def _fitted(db: sqlite3.Connection, script: str) -> str:
    def line(found: re.Match[str]) -> str:
        columns = {row[1] for row in db.execute(f"PRAGMA table_info({found[1]})")}
        return found[0] if found[2] in columns else ""

    return _WHERE_THERE.sub(line, script)


def _migrate(db: sqlite3.Connection, version: int, script: str) -> None:
    script = _fitted(db, script)
    try:
        db.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {version};\nCOMMIT;")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _check(db: sqlite3.Connection) -> None:
    if not is_large(db) and (says := quick_check(db)) != "ok":
        raise LedgerDamaged(detail=says)


def is_large(db: sqlite3.Connection) -> bool:
    """Return True if a full check would take too long at startup.

    Raises sqlite3.Error if the file is truncated.
    """
    pages = int(db.execute("PRAGMA page_count").fetchone()[0])
    return pages * int(db.execute("PRAGMA page_size").fetchone()[0]) > CHECKED_WHOLE


def quick_check(db: sqlite3.Connection) -> str:
    """Check the whole file for damage; return "ok", or the first damage that SQLite reports.

    Raises sqlite3.DatabaseError if the file cannot be read at all.
    """
    return str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
