"""A history: what happens, in which order; drawn from a seed, written down, and played."""

from __future__ import annotations

import asyncio
import gc
import logging
import tempfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from billing.errors import LedgerUnavailable
from tests.simulation import acts, paypal_acts, trouble
from tests.simulation.checks import Checks
from tests.simulation.quick import opened
from tests.simulation.stage import Stage

# Names a folder in memory where there is one: what a disk does to a commit is tried elsewhere.
MEMORY = Path("/dev/shm")  # noqa: S108 - only a ledger of made-up members is put there
NETWORK = (
    "mail_goes", "mail_comes", "stripe_fails", "stripe_speaks_strangely", "stripe_lags", "discord_fails",
    "disk_fills", "faults_end", "restart", "paypal_fails", "paypal_answers_oddly",
)  # fmt: skip

PAYPAL = 18  # of `subscribe`: pay there


@dataclass(frozen=True)
class Deed:
    """One act with its numbers; `delay` turns of the loop later than what happens together with it."""

    name: str
    a: int = 0
    b: int = 0
    c: int = 0
    delay: int = 0


Step = tuple[Deed, ...]


@dataclass(frozen=True)
class History:
    """`seed` decides how what is under way together interleaves. `sweeps`: hourly, or none but at a start;
    `intent`: whether the bot hears of members who come back."""

    seed: int
    sweeps: bool
    intent: bool
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        steps = [[[d.name, d.a, d.b, d.c, d.delay] for d in step] for step in self.steps]
        return {"seed": self.seed, "sweeps": self.sweeps, "intent": self.intent, "steps": steps}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> History:
        steps = tuple(tuple(Deed(*deed) for deed in step) for step in data["steps"])
        return cls(data["seed"], data["sweeps"], data["intent"], steps)


def draw(seed: int) -> History:
    """Three of ten meet no trouble on the way, so that the rules alone are tried. Each has some of the acts
    only, so that these come together more often."""
    rng = Random(seed)
    quiet, sweeps, intent = rng.random() < 0.3, rng.random() < 0.5, rng.random() < 0.5
    by_paypal = rng.random() < 0.4
    some = {name for name in acts.WEIGHTS if rng.random() < 0.5 and not (quiet and name in NETWORK)}
    some |= {"subscribe", "time_passes"}
    weights = {name: weight for name, weight in acts.WEIGHTS.items() if name in some}
    weights = {name: weight for name, weight in weights.items() if by_paypal or name not in paypal_acts.NAMES}
    steps: list[Step] = [(replace(_deed(rng, {"subscribe": 1}), c=PAYPAL if by_paypal else 0),)]
    for _ in range(rng.randint(2, 8)):
        size = rng.choice((1, 1, 1, 2, 3))
        steps.append(tuple(_deed(rng, weights, size > 1) for _ in range(size)))
    return History(seed, sweeps, intent, tuple(steps))


def _deed(rng: Random, weights: dict[str, int], together: bool = False) -> Deed:
    name = rng.choices([*weights], [*weights.values()])[0]
    a = rng.choice((0, 0, 0, 1, 1, 2, rng.randrange(60)))
    delay = rng.choice((0, 3, 10, 30, 100)) if together else 0
    return Deed(name, a, rng.randrange(60), rng.randrange(60), delay)


async def play(history: History, opening: AbstractAsyncContextManager[Stage]) -> list[str]:
    """The problems met, as sentences; empty if all came out right."""
    faults = _Faults()
    logging.getLogger().addHandler(faults)
    try:
        async with opening as stage:
            checks = Checks(stage)
            for number, step in enumerate(history.steps):
                await asyncio.gather(*(_do(stage, deed) for deed in step))
                await stage.quiet()
                checks.after_step()
                if faults.met or stage.problems:
                    return [f"step {number}: {p}" for p in faults.met + stage.problems]
            await _calm_down(stage)
            await stage.settled(checks.at_the_end)
            return [f"at the end: {p}" for p in faults.met + stage.problems]
    finally:
        logging.getLogger().removeHandler(faults)


async def _do(stage: Stage, deed: Deed) -> None:
    for _ in range(deed.delay):
        await asyncio.sleep(0)
    await acts.run(deed.name, stage, deed.a, deed.b, deed.c)


async def _calm_down(stage: Stage) -> None:
    """All that is on its way arrives, nothing fails any more, and hours pass."""
    trouble.calm(stage)
    if not stage.is_up:
        await stage.start()
    stage.mail.hurry()
    await stage.pass_time(2 * 3600 + 60)
    await stage.pass_time(2 * 3600)


class _Faults(logging.Handler):
    """Exceptions that nobody foresaw, wherever they are logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.met: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, LedgerUnavailable):
            return  # one of ours, logged in full and tried again
        self.met.append(f"{record.getMessage()}: {error!r}")


def run(history: History) -> list[str]:
    """Play it on an event loop and a ledger of its own."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        try:
            stage = opened(Path(folder) / "ledger.db", history.seed, history.sweeps, history.intent)
            return asyncio.run(play(history, stage))
        except Exception as error:  # noqa: BLE001 - whatever breaks out of a history is what went wrong in it
            return [f"{type(error).__name__}: {error}"]


def run_seeds(seeds: Sequence[int]) -> dict[int, list[str]]:
    """The problems of those seeds that have any."""
    gc.disable()  # a sixth of the time, for what a batch leaves behind anyway
    try:
        met = {seed: run(draw(seed)) for seed in seeds}
    finally:
        gc.enable()
    return {seed: problems for seed, problems in met.items() if problems}


def listed(history: History) -> str:
    """For people."""
    lines = [f"seed={history.seed} sweeps={history.sweeps} intent={history.intent}"]
    for number, step in enumerate(history.steps):
        lines += [f"  {number:2} " + " ".join(f"{v}" for v in asdict(deed).values()) for deed in step]
    return "\n".join(lines)
