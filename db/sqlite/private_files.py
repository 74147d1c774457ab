"""Files that hold members' data: nobody but their owner may read them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# What SQLite and the bot keep beside a ledger, by the ending of its name.
BESIDE = ("-wal", "-shm", "-journal", ".lock", ".count", ".backup")


def beside(path: Path, ending: str) -> Path:
    """The file beside the ledger with that ending."""
    return path.with_name(f"{path.name}{ending}")


def make_folder(folder: Path) -> None:
    """Make what is missing of a folder's path, for its owner alone; a folder that is there stays as it is."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """A descriptor of a file that is its owner's alone, from its first byte on; made where there is none."""
    descriptor = os.open(path, flags, 0o600)
    keep_private(path)
    return descriptor


def keep_private(path: Path) -> None:
    """Take from everybody else what they may do with a file, where it is there and ours."""
    with suppress(OSError):
        path.chmod(path.stat().st_mode & 0o700)


def keep_all_private(path: Path) -> None:
    """The ledger and all that stands beside it."""
    for ending in ("", *BESIDE):
        keep_private(beside(path, ending))
