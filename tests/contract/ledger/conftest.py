"""The ledgers that must all pass this suite. To add a second database, add a line to LEDGERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from billing.ports import Ledger
from db import SqliteLedger
from tests.ledgers import copy_schema


class OpenLedger(Ledger, Protocol):
    """The Ledger port, with a method to close it."""

    async def close(self) -> None: ...


# Opens the ledger in a folder, and creates it if there is none.
Opening = Callable[[Path], Awaitable[OpenLedger]]


async def open_sqlite(folder: Path) -> OpenLedger:
    return await SqliteLedger.open(folder / "ledger.db")


LEDGERS: dict[str, Opening] = {"sqlite": open_sqlite}


@asynccontextmanager
async def opened(open_ledger: Opening, folder: Path) -> AsyncIterator[OpenLedger]:
    """An open ledger, closed even if the test fails: one left open keeps the test run from ending."""
    ledger = await open_ledger(folder)
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture(autouse=True)
def new_ledgers_copy_their_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    copy_schema(monkeypatch)


@pytest.fixture(params=list(LEDGERS.values()), ids=list(LEDGERS))
def open_ledger(request: pytest.FixtureRequest) -> Opening:
    """The function that opens a ledger, for tests that open it themselves."""
    found: Opening = request.param
    return found


@pytest.fixture
async def ledger(open_ledger: Opening, tmp_path: Path) -> AsyncIterator[Ledger]:
    async with opened(open_ledger, tmp_path) as found:
        yield found
