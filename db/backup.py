"""A copy of a ledger in use."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import aiosqlite

from billing.errors import Conflict, LedgerUnavailable
from db.faults import fault_of
from db.lane import address


async def backup(source: Path, target: Path) -> None:
    """Copy what is committed at one moment. The target appears only once it is whole and on disk."""
    try:
        part = _part_of(target)
        async with aiosqlite.connect(address(source, "ro"), uri=True, isolation_level=None) as db:
            await db.execute("VACUUM INTO ?", (str(part),))
        _settle(part, target)
    except sqlite3.Error as error:
        raise fault_of(error) from error
    except OSError as error:
        raise LedgerUnavailable(f"The backup cannot be written to {target}.", detail=str(error)) from error


def _part_of(target: Path) -> Path:
    if target.exists():
        raise Conflict(f"{target} is there already. Name another file for the backup.")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    # Nobody else's, from the first byte on.
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return part


def _settle(part: Path, target: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.rename(target)
