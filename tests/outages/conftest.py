from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.app.conftest import app, conformance, idle_app, new_ledgers_copy_their_schema, shared_conformance

__all__ = ["app", "conformance", "idle_app", "new_ledgers_copy_their_schema", "shared_conformance"]

# Only POSIX limits a process's resources and lets a test empty files that are open.
collect_ignore = ["test_ledger.py"] if sys.platform == "win32" else []


@pytest.fixture
def limit() -> Iterator[pytest.MonkeyPatch]:
    """A patch that limits calls during an outage, and that the test can undo between outages."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
