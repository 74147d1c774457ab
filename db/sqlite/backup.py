"""Backs up a ledger, even one that is in use, and restores a backup."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from billing.errors import Conflict, LedgerDamaged, LedgerUnavailable
from db.queries.saved_values import OLDER, record_value
from db.sqlite.copy import connect, copy_into, settle, sync_folder
from db.sqlite.errors import fault_of
from db.sqlite.lock import hold
from db.sqlite.private_files import beside, make_folder, open_private
from db.sqlite.schema import load_migrations, prepare, require_known, require_room

STEPS = 10_000  # SQLite's steps between two checks whether a backup was cancelled


async def backup(source: Path, target: Path, at: int | None = None) -> None:
    """Run `back_up` on a thread, so that the event loop is not blocked.

    Cancelling the task abandons the backup.
    """
    ended = threading.Event()
    try:
        await asyncio.to_thread(back_up, source, target, at, ended.is_set)
    except asyncio.CancelledError:
        ended.set()
        raise


def back_up(
    source: Path, target: Path, at: int | None = None, ended: Callable[[], bool] = lambda: False
) -> None:
    """Copy the ledger's committed state to a new file, even while the ledger is in use.

    `at`: the current time in unix seconds, recorded as the time of the last backup; None records nothing.
    `ended`: polled while copying; the backup is abandoned once it returns True.

    Raises Conflict if the target exists, and LedgerError if the ledger cannot be read or the copy cannot be
    written.
    """
    if not target.parent.is_dir():
        raise LedgerUnavailable(f"There is no folder {target.parent.absolute()}. Make it, or name another.")
    with _told(), connect(_found(source)) as db:
        db.set_progress_handler(ended, STEPS)
        if require_known(db, len(load_migrations())) == 0:
            raise LedgerUnavailable(f"{source} holds no ledger yet. Check DATABASE_URL.")
        copy_into(db, target)
    if at is not None:
        _note(source, at)


def _found(path: Path) -> Path:
    if not path.is_file():
        raise LedgerUnavailable(f"There is no ledger at {path.absolute()}. Check DATABASE_URL.")
    return path


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise fault_of(error) from error


def _note(ledger: Path, at: int) -> None:
    """Record the time of the last backup, `at` (unix seconds), in a file next to the ledger."""
    descriptor = open_private(beside(ledger, ".backup"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{at}\n")


def last_backup(ledger: Path) -> int | None:
    """Return the time of the ledger's last backup, in unix seconds; None if it is not known."""
    try:
        return int(beside(ledger, ".backup").read_text("ascii"))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore.

    `subscriptions`: their number in the backup. `kept`: the new path of the former ledger; None if there was
    none.
    """

    subscriptions: int
    kept: Path | None


def restore(source: Path, ledger: Path, stamp: str) -> Restored:
    """Replace the ledger with a backup, marked so that the bot asks the providers before it gives any role.

    The former ledger and its side files are kept under a name that contains `stamp`. Raises Conflict if there
    is no such backup; LedgerHeld if a bot is running; LedgerDamaged, LedgerTooNew or LedgerNoRoom if the
    backup cannot be used. In all these cases nothing is changed.
    """
    if not source.is_file():
        raise Conflict(f"There is no file {source.absolute()}.")
    if ledger.exists() and source.samefile(ledger):
        raise Conflict(f"{source} is the ledger itself. Name the backup.")
    part = beside(ledger, ".restored")
    make_folder(ledger.parent)
    with hold(ledger), _told():
        with connect(source) as db:
            _require_whole(db, source)
            require_room(source, ledger)
            copy_into(db, part, replace=True)
        many = _mark(part)
        kept = _move_away(ledger, stamp)
        settle(part, ledger)
    return Restored(many, kept)


def _require_whole(db: sqlite3.Connection, source: Path) -> None:
    migrations = load_migrations()
    try:
        version = require_known(db, len(migrations))
        says = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if isinstance(fault_of(error), LedgerDamaged):
            raise LedgerDamaged(f"{source} is damaged or no ledger, so nothing was changed.") from error
        raise
    if version == 0 or _lacks_tables(db, migrations[:version]):
        raise LedgerDamaged(f"{source} is not a ledger of Dues, so nothing was changed.")
    if says != "ok":
        raise LedgerDamaged(f"{source} is damaged, so nothing was changed.", detail=says)


def _lacks_tables(db: sqlite3.Connection, migrations: list[str]) -> bool:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        prepare(model, migrations)
        return bool(_tables(model) - _tables(db))


def _tables(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _mark(part: Path) -> int:
    """Mark the copy as restored, and return the number of its subscriptions."""
    with closing(sqlite3.connect(part, isolation_level=None)) as db:
        record_value(db, OLDER, "restored")
        return int(db.execute("SELECT count(*) FROM subscriptions").fetchone()[0])


def _move_away(ledger: Path, stamp: str) -> Path | None:
    """Rename the old ledger and its side files; return the ledger's new path, or None if there was no ledger.

    The side files keep their endings, so that SQLite still finds them. The ledger itself is renamed last.
    """
    kept = beside(ledger, f".before-{stamp}")
    for ending in ("-wal", "-shm", "-journal", ""):
        part = beside(ledger, ending)
        if part.exists():
            part.replace(beside(kept, ending))
    sync_folder(ledger.parent)
    return kept if kept.exists() else None
