from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.cogs.conftest import conformance, shared_conformance, still_town, town

__all__ = ["conformance", "shared_conformance", "still_town", "town"]

# Limits on a process, and files that are wiped while they are open, are POSIX's.
collect_ignore = ["test_ledger.py"] if sys.platform == "win32" else []


@pytest.fixture
def limit() -> Iterator[pytest.MonkeyPatch]:
    """For a bound on calls that holds while there is trouble, and is lifted in between."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
