"""Killed at every point of every main path, started again: all comes out right (promise 5).

A point is the moment before and after each commit, each call out before its effect and after it, each
notification before it is heard, acknowledged unheard, and acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.app.harness import make_app
from tests.crashes import paths
from tests.crashes.crash_runner import CrashRunner, Killed, Point, stand_between
from tests.crashes.payment_drivers import PAYPAL, STRIPE, PaymentDriver

SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class Plot:
    """Paths in their order; during the first `calm` of them nothing is killed."""

    name: str
    driver: PaymentDriver
    paths: tuple[type[paths.Path], ...]
    calm: int = 0


PLOTS = [
    Plot("renewed and revoked, Stripe", STRIPE, (paths.Pay, paths.Renew, paths.RevokeNow)),
    Plot("renewed and revoked, PayPal", PAYPAL, (paths.Pay, paths.Renew, paths.RevokeNow)),
    Plot("cancelled and resumed, Stripe", STRIPE, (paths.Pay, paths.Cancel, paths.Resume), calm=1),
    Plot("cancelled and taken anew, PayPal", PAYPAL, (paths.Pay, paths.Cancel, paths.Again), calm=1),
    Plot("revoked at the end, Stripe", STRIPE, (paths.Pay, paths.RevokeEnd, paths.End), calm=1),
    Plot("revoked at the end, PayPal", PAYPAL, (paths.Pay, paths.RevokeEnd, paths.End), calm=1),
    Plot("cancelled and over, Stripe", STRIPE, (paths.Pay, paths.Cancel, paths.End), calm=2),
    Plot("cancelled and over, PayPal", PAYPAL, (paths.Pay, paths.Cancel, paths.End), calm=2),
]


async def opened(stack: AsyncExitStack, folder: Path, driver: PaymentDriver) -> CrashRunner:
    """A app of its own, with a plan on sale."""
    folder.mkdir()
    app = await make_app(stack, folder / "ledger.db", None, paypal=driver is PAYPAL)
    runner = stand_between(app, folder)
    stack.callback(runner.kill)
    await runner.start()
    options = {"name": "Gold", "role": app.gold, **driver.price(app)}
    assert "Gold" in (await app.ada.run(app.guild, "plans add", options)).text
    await runner.settle()
    return runner


async def suffered(story: paths.Story, kind: type[paths.Path], point: Point | None) -> bool:
    """A path with death at that point, and what follows; whether death came."""
    runner, path = story.runner, kind(story)
    await runner.arm(point)
    with suppress(Killed):
        await path.walk()
    path.points = list(runner.points)
    await runner.arm(None)
    killed = runner.died.is_set()
    if killed:
        await runner.start()
        await path.take_up()
        await runner.settle()
    if point:
        await path.check()
        assert runner.lost_events() == set()
    return killed


async def play(
    runner: CrashRunner, plot: Plot, point: Point, open_: set[type[paths.Path]]
) -> set[type[paths.Path]]:
    """A fresh member's story, with death at that point of each path that is open; those in which it came."""
    member = runner.app.world.add_user(f"member {point.kind} {point.number}")
    runner.app.world.add_member(runner.app.guild, member)
    story = paths.Story(runner, plot.driver, member)
    struck = set()
    for kind in plot.paths:
        try:
            if await suffered(story, kind, point if kind in open_ else None):
                struck.add(kind)
        except BaseException as error:
            output = (runner.folder / "output.txt").read_text()[-3000:]
            error.add_note(f"{plot.name}: {kind.__name__} killed at {point}: {runner.points}\n{output}")
            raise
    return struck


async def play_all(folder: Path, plot: Plot, share: int) -> Counter[str]:
    """Every SIDE_BY_SIDE-th point of each path, until there is none left; how many there were by path."""
    counted: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        runner = await opened(stack, folder, plot.driver)
        for way in ("wire", "commit"):
            open_ = set(plot.paths[plot.calm :])
            for number in itertools.count(share + 1, SIDE_BY_SIDE):
                open_ = await play(runner, plot, Point(way, number), open_)
                counted.update(kind.__name__ for kind in open_)
                if not open_:
                    break
        assert "Traceback" not in (folder / "output.txt").read_text()
    return counted


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
async def test_the_program_recovers_by_itself_from_a_kill_at_every_point(folder: Path, plot: Plot) -> None:
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(play_all(folder / str(share), plot, share)) for share in range(SIDE_BY_SIDE)
        ]
    counted = sum((run.result() for run in runs), Counter[str]())
    for kind in plot.paths[plot.calm :]:
        print(f"{kind.__name__} ({plot.name}): killed at each of {counted[kind.__name__]} points")
        assert counted[kind.__name__] > SIDE_BY_SIDE
