"""One process a ledger."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from billing.errors import LedgerHeld, LedgerUnavailable

if sys.platform == "win32":
    import msvcrt

    def _seize(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _seize(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(path: Path) -> IO[bytes]:
    """Lock `<path>.lock` until the file is closed or the process is gone, and see that `path` is there.

    LedgerHeld when it is locked, LedgerUnavailable when it cannot be made.

    The side file stays behind: removing it would let two processes hold two files of one name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # members' data: for nobody else to read
        file = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        tell = (
            "The ledger cannot be made or opened there. Check DATABASE_URL and who may write to that folder."
        )
        raise LedgerUnavailable(tell, detail=str(error)) from error
    try:
        _seize(file)
    except OSError as error:
        file.close()
        raise LedgerHeld(detail=f"{path} is held by another process") from error
    return file
