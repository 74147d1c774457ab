from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.app.conftest import app, conformance, idle_app, new_ledgers_copy_their_schema, shared_conformance

__all__ = ["app", "conformance", "idle_app", "new_ledgers_copy_their_schema", "shared_conformance"]

# Limits on a process, and files that are wiped while they are open, are POSIX's.
collect_ignore = ["test_ledger.py"] if sys.platform == "win32" else []


@pytest.fixture
def limit() -> Iterator[pytest.MonkeyPatch]:
    """For a bound on calls that holds while there is trouble, and is lifted in between."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
