from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from standins.discord.conformance import Conformance
from tests.app.harness import AppHarness, calling, make_app, running, until_mid_month
from tests.ledgers import copy_schema


@pytest.fixture(autouse=True)
def new_ledgers_copy_their_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    copy_schema(monkeypatch)


@pytest.fixture(scope="session")
def shared_conformance() -> Conformance | None:
    return Conformance.load()


@pytest.fixture
def conformance(shared_conformance: Conformance | None) -> Iterator[Conformance | None]:
    """Checks the test's exchanges against Discord's API description, if that is installed."""
    if shared_conformance is not None:
        shared_conformance.violations.clear()
    yield shared_conformance
    assert shared_conformance is None or shared_conformance.violations == []


@pytest.fixture
async def idle_app(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    conformance: Conformance | None,
) -> AsyncIterator[AppHarness]:
    """The stand-ins and a path for the ledger; the program is not running yet."""
    wanted = getattr(request, "param", None)
    options = {"members_intent": wanted == "members intent", "paypal": wanted == "paypal"}
    async with AsyncExitStack() as stack:
        ahead = until_mid_month()
        app = await make_app(stack, tmp_path / "ledger.db", conformance, ahead=ahead, **options)
        stack.enter_context(calling(app.discord))
        yield app


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    """The stand-ins with the program running."""
    async with running(idle_app):
        yield idle_app
