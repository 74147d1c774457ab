from __future__ import annotations

import sys

from tests.cogs.conftest import conformance, shared_conformance, still_town, town

__all__ = ["conformance", "shared_conformance", "still_town", "town"]

# Limits on a process, and files that are wiped while they are open, are POSIX's.
collect_ignore = ["test_ledger.py"] if sys.platform == "win32" else []
