"""Creates and protects files with members' data, which only their owner may read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# The endings of the files that SQLite and the bot keep next to a ledger.
BESIDE = ("-wal", "-shm", "-journal", ".lock", ".count", ".backup")


def beside(path: Path, ending: str) -> Path:
    """Return the path of the companion file with this suffix, such as `-wal`."""
    return path.with_name(f"{path.name}{ending}")


def make_folder(folder: Path) -> None:
    """Create a path's missing folders, readable by their owner alone. Existing folders stay as they are."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a file, creating it if it is missing, and return its descriptor.

    A new file is readable by its owner alone from the first byte on.
    """
    descriptor = os.open(path, flags, 0o600)
    keep_private(path)
    return descriptor


def keep_private(path: Path) -> None:
    """Remove everybody else's permissions from a file, if it exists and belongs to this user."""
    with suppress(OSError):
        path.chmod(path.stat().st_mode & 0o700)


def keep_all_private(path: Path) -> None:
    """Make the ledger and all its side files readable by their owner alone."""
    for ending in ("", *BESIDE):
        keep_private(beside(path, ending))
