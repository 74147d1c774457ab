"""Assigns cores to processes, and provides a folder on the disk.

`python -m bench.machine COMMAND …` runs that command on the cores of a server.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The folder is in the checkout rather than among temporary files, which may be kept in memory: a sync must
# reach a disk.
ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"

SERVER, GENERATOR = "server", "generator"
_DISK_CORE = "BENCH_DISK_CORE"  # handed down to every process
_INTERRUPTS = Path("/proc/interrupts")  # proc(5)
_SYNCS = 100


def pin(role: str) -> None:
    """Give the load generator a core of its own and a server all others; a single core is shared by both.

    The generator's core is one that receives no interrupts of the disk (`find_disk`).
    """
    if sys.platform != "linux":
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        generator = next(core for core in reversed(cores) if str(core) != os.environ.get(_DISK_CORE))
        os.sched_setaffinity(0, {generator} if role == GENERATOR else set(cores) - {generator})


def find_disk() -> None:
    """Find the core that handles the disk's interrupts, for every later `pin`.

    A sync that waits for the generator's core takes 40 % longer than in a process that the scheduler may
    move, as it may when owners run the program.
    """
    if not _INTERRUPTS.exists():
        return
    before = _interrupts()
    with folder() as path, (path / "synced").open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            os.fdatasync(file)
    grown = [
        {core: count - before.get(number, {}).get(core, 0) for core, count in counts.items()}
        for number, counts in _interrupts().items()
    ]
    most = max(grown, key=lambda counts: sum(counts.values()), default={})
    if sum(most.values()) >= _SYNCS:
        os.environ[_DISK_CORE] = max(most, key=lambda core: most[core])


def _interrupts() -> dict[str, dict[str, int]]:
    """Return the number of interrupts by device and core."""
    head, *lines = _INTERRUPTS.read_text().splitlines()
    cores = [name.removeprefix("CPU") for name in head.split()]
    rows = (line.split() for line in lines)
    return {
        number: dict(zip(cores, map(int, counts), strict=False))
        for number, *counts in (row[: len(cores) + 1] for row in rows)
        if number.removesuffix(":").isdigit()
    }


@contextmanager
def folder() -> Iterator[Path]:
    """Provide an empty folder on the disk and remove it afterwards."""
    BUILD.mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    pin(SERVER)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - what bench/peers has installed
