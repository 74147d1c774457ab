from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from standins.discord.conformance import Conformance
from tests.app.conftest import conformance, shared_conformance
from tests.app.harness import AppHarness, make_app
from tests.app.program_process import Program, is_ready, kill_started, settings_of

__all__ = ["app", "conformance", "program", "shared_conformance"]


@pytest.fixture(autouse=True)
def no_program_of_a_failed_test() -> Iterator[None]:
    """Kill the programs that a test started and, because it failed, did not stop."""
    yield
    kill_started()


@pytest.fixture
async def app(
    request: pytest.FixtureRequest, tmp_path: Path, conformance: Conformance | None
) -> AsyncIterator[AppHarness]:
    """The stand-ins, with every exchange checked against Discord's API description; no program runs yet."""
    marks = {mark.name for mark in request.node.iter_markers()}
    async with AsyncExitStack() as stack:
        yield await make_app(
            stack,
            tmp_path / "ledger.db",
            conformance,
            members_intent="members_intent" in marks,
            paypal="paypal" in marks,
        )


@pytest.fixture
async def program(request: pytest.FixtureRequest, app: AppHarness, tmp_path: Path) -> AsyncIterator[Program]:
    """The program, running and ready: a fork, or with the parameter "fresh" `python bot.py` itself. After the
    test its log must contain no fault."""
    running = Program(tmp_path, settings_of(app), fresh=getattr(request, "param", "") == "fresh")
    await running.start()
    await is_ready(app)
    yield running
    assert await running.stop() == 0
    assert "Traceback" not in running.output
