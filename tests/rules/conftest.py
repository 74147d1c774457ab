"""A harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ledgers import copy_schema
from tests.rules.harness import RulesHarness, open_harness


@pytest.fixture(autouse=True)
def new_ledgers_copy_their_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    copy_schema(monkeypatch)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RulesHarness]:
    async with open_harness(tmp_path / "ledger.db") as made:
        yield made
