"""Fewer files and connections than the program needs: what a `ulimit -n` of 64 and idle callers come to."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path

from billing.descriptors import RAISE_IT
from tests.cogs.town import Town
from tests.e2e.process import PATIENCE, Program, is_ready

LIMIT = 64


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a process, which tells nobody but those who look."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.05)


async def test_idle_callers_take_all_there_are(town: Town, program: Program) -> None:
    """The log says in one line what to raise, and all goes on once they have gone."""
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    files = Path(f"/proc/{program.pid}/fd")
    callers = [await asyncio.open_connection("127.0.0.1", town.port) for _ in range(100)]
    await until(lambda: len(list(files.iterdir())) >= LIMIT)
    typed = [asyncio.create_task(town.bob.run(town.guild, "subscriptions")) for _ in range(9)]
    await until(lambda: RAISE_IT in program.output)  # more than there are connections kept open
    for one in typed:
        one.cancel()
    await asyncio.wait(typed)
    assert all(line.endswith(RAISE_IT) for line in program.output.splitlines() if "/subscriptions" in line)
    for _, writer in callers:
        writer.close()
    await is_ready(town)
    assert "You have no subscriptions" in (await town.bob.run(town.guild, "subscriptions")).text
