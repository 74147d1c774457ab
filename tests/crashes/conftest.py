"""Where the kills take place."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.crashes.paths")

# SIGKILL, fork and flock are POSIX's.
collect_ignore_glob = ["*"] if sys.platform == "win32" else []

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A place for ledgers, in memory where there is one: a process that is killed loses nothing that it had
    written, synced or not, and a sync there takes no time."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="dues-kills-", dir=MEMORY))
    yield made
    shutil.rmtree(made)
