"""The ledgers that must all pass this suite. A second database joins by a line in LEDGERS."""

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
    """The port, and the end of it."""

    async def close(self) -> None: ...


# Opens the ledger that lives in a folder, or makes it there.
Opening = Callable[[Path], Awaitable[OpenLedger]]


async def open_sqlite(folder: Path) -> OpenLedger:
    return await SqliteLedger.open(folder / "ledger.db")


LEDGERS: dict[str, Opening] = {"sqlite": open_sqlite}


@asynccontextmanager
async def opened(open_ledger: Opening, folder: Path) -> AsyncIterator[OpenLedger]:
    """Closed whatever happens: a ledger left open keeps the test run from ending."""
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
    """For tests that open one themselves."""
    found: Opening = request.param
    return found


@pytest.fixture
async def ledger(open_ledger: Opening, tmp_path: Path) -> AsyncIterator[Ledger]:
    async with opened(open_ledger, tmp_path) as found:
        yield found
