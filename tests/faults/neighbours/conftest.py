from __future__ import annotations

from tests.cogs.conftest import conformance, shared_conformance, still_town, town

__all__ = ["conformance", "shared_conformance", "still_town", "town"]
