"""Fewer files than the program would like: what a `ulimit -n` of 64 and idle callers come to."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path

from billing.fd_limit import RAISE_IT
from tests.app.harness import AppHarness
from tests.app.program_process import PATIENCE, Program, is_ready
from tests.e2e.test_story import buy, open_shop
from web.connections import CROWDED

LIMIT = 64


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a process, which tells nobody but those who look."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.05)


def open_files(program: Program) -> list[int]:
    return [int(one.name) for one in Path(f"/proc/{program.pid}/fd").iterdir()]


async def test_idle_connections_leave_enough_file_descriptors_for_the_rest(
    app: AppHarness, program: Program
) -> None:
    """Commands, calls of the provider and its notifications go on; the log says in one line what happens."""
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    callers = [await asyncio.open_connection("127.0.0.1", app.port) for _ in range(100)]
    await is_ready(app)  # and so all of them were let in before
    await open_shop(app)
    await buy(app)
    cards = await asyncio.gather(*(app.bob.run(app.guild, "subscriptions") for _ in range(9)))
    assert all("Gold" in card.text for card in cards)
    assert {one.attempts[0].status for one in app.stripe.deliveries} == {200}
    assert program.output.count(CROWDED % (LIMIT // 4)) == program.output.count("Callers hold all") == 1
    assert RAISE_IT not in program.output
    for _, writer in callers:
        writer.close()


async def test_the_log_says_what_to_raise_when_file_descriptors_run_out(
    app: AppHarness, program: Program
) -> None:
    """The log says in one line what to raise, and all goes on once it is."""
    _, hard = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (max(open_files(program)) + 1, hard))
    typed = [asyncio.create_task(app.bob.run(app.guild, "subscriptions")) for _ in range(9)]
    await until(lambda: RAISE_IT in program.output)  # more than there are connections kept open
    for one in typed:
        one.cancel()
    await asyncio.wait(typed)
    assert all(line.endswith(RAISE_IT) for line in program.output.splitlines() if "/subscriptions" in line)
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert (
        "The bot couldn't find an active subscription of yours"
        in (await app.bob.run(app.guild, "subscriptions")).text
    )
