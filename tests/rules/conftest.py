"""A world a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rules.harness import RulesHarness, open_harness


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RulesHarness]:
    async with open_harness(tmp_path / "ledger.db") as made:
        yield made
