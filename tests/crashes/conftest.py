"""The folder for the ledgers of programs that are killed."""

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
    """A folder for ledgers, in memory if possible. A killed process loses nothing that it has written, synced
    or not, and in memory a sync takes no time."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="dues-kills-", dir=MEMORY))
    yield made
    shutil.rmtree(made)
