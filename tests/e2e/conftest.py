from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from standins.discord.conformance import Conformance
from tests.app.harness import AppHarness, make_app
from tests.app.program_process import Program, is_ready, settings_of


@pytest.fixture
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AppHarness]:
    """The stand-ins, every exchange with Discord held to its document; no program runs yet."""
    watch = Conformance.load()
    marks = {mark.name for mark in request.node.iter_markers()}
    async with AsyncExitStack() as stack:
        yield await make_app(
            stack,
            tmp_path / "ledger.db",
            watch,
            members_intent="members_intent" in marks,
            paypal="paypal" in marks,
        )
    assert watch is None or watch.violations == []


@pytest.fixture
async def program(app: AppHarness, tmp_path: Path) -> AsyncIterator[Program]:
    """The program, running and ready. Its log must hold no fault in the end."""
    running = Program(tmp_path, settings_of(app))
    await running.start()
    await is_ready(app)
    yield running
    assert await running.stop() == 0
    assert "Traceback" not in running.output
