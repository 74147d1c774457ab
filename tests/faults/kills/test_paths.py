"""Killed at every point of every main path, started again: all comes out right (promise 5).

A point is each transaction's begin and end, each call out before its effect and after it, each
notification before it is heard, acknowledged unheard, and acknowledged.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.cogs.town import make_town
from tests.faults.kills import paths
from tests.faults.kills.reaper import Killed, Point, Reaper, stand_between

SIDE_BY_SIDE = 12


async def opened(stack: AsyncExitStack, folder: Path) -> Reaper:
    """A town of its own, with a plan on sale."""
    folder.mkdir()
    town = await make_town(stack, folder / "ledger.db", None)
    reaper = stand_between(town, folder)
    await reaper.start()
    stack.callback(reaper.kill)
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
    assert "Gold" in (await town.ada.run(town.guild, "plans add", options)).text
    await reaper.settle()
    return reaper


async def suffered(reaper: Reaper, kind: type[paths.Path], point: Point | None) -> tuple[bool, list[Point]]:
    """A fresh member's way with death at that point; whether it came, and with None all points there are."""
    member = reaper.town.world.add_user(f"member {reaper.lives}")
    reaper.town.world.add_member(reaper.town.guild, member)
    path = kind(reaper, member)
    await path.prepare()
    reaper.arm(point)
    with suppress(Killed):
        await path.walk()
    found = [] if point else await reaper.points()
    await reaper.disarm()
    killed = reaper.died.is_set()
    if killed:
        await reaper.start()
        await path.take_up()
    await path.check()
    assert reaper.lost_events() == set()
    return killed, found


async def all_suffered(folder: Path, kind: type[paths.Path], points: list[Point]) -> int:
    """One town, one point after another; how many times it was killed."""
    killed = 0
    async with AsyncExitStack() as stack:
        reaper = await opened(stack, folder)
        for point in points:
            try:
                killed += (await suffered(reaper, kind, point))[0]
            except BaseException as error:
                error.add_note(f"killed at {point}\n{(folder / 'output.txt').read_text()[-3000:]}")
                raise
        assert "Traceback" not in (folder / "output.txt").read_text()
    return killed


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "kind",
    [paths.Pay, paths.Cancel, paths.Resume, paths.RevokeNow, paths.End],
    ids=lambda kind: kind.__name__,
)
async def test_it_recovers_from_every_point(folder: Path, kind: type[paths.Path]) -> None:
    async with AsyncExitStack() as stack:
        reaper = await opened(stack, folder / "counted")
        _, points = await suffered(reaper, kind, None)
    shares = [points[n::SIDE_BY_SIDE] for n in range(SIDE_BY_SIDE)]
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(all_suffered(folder / str(n), kind, share)) for n, share in enumerate(shares)
        ]
    killed = sum(run.result() for run in runs)
    print(f"{kind.__name__}: killed at {killed} of {len(points)} points")  # pytest -rP shows it
    assert killed > 0.9 * len(points)  # the rest came in another order, and was over before its number
