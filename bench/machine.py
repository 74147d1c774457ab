"""Which cores who runs on, and where files go.

`python -m bench.machine COMMAND …` becomes that command, on a server's cores.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# In the checkout rather than among temporary files, which may lie in memory: a sync must reach a disk.
ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"

SERVER, GENERATOR = "server", "generator"


def pin(role: str) -> None:
    """The generator has the last core for itself, a server all others; alone on one core, both share it."""
    if sys.platform != "linux":
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[-1:] if role == GENERATOR else cores[:-1])


@contextmanager
def folder() -> Iterator[Path]:
    """An empty one on the disk, gone afterwards."""
    BUILD.mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    pin(SERVER)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - what bench/peers has installed
