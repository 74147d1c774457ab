"""Random histories of members, admins, providers and networks end as the rules say (docs/promises.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.__main__ import CASES
from tests.simulation.history import History, draw, listed, play, run, run_seeds
from tests.simulation.wired import wired

pytestmark = pytest.mark.slow

COUNT, BATCH = 800, 50
WIRED = 24


@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
def test_every_history_ends_in_the_providers_truth(first: int) -> None:
    failed = run_seeds(range(first, first + BATCH))
    told = [f"{listed(draw(seed))}\n{problems[0]}" for seed, problems in failed.items()]
    assert not failed, "make histories SEED=... shrinks and keeps each of\n" + "\n".join(told)


@pytest.mark.parametrize("seed", range(WIRED))
async def test_a_history_over_real_sockets_ends_in_the_providers_truth(seed: int, tmp_path: Path) -> None:
    history = draw(seed)
    assert await play(history, wired(tmp_path / "ledger.db", history.intent)) == [], listed(history)


@pytest.mark.parametrize("case", json.loads(CASES.read_text("utf-8")), ids=lambda case: case["why"])
def test_histories_that_once_failed_end_in_the_providers_truth(case: dict[str, Any]) -> None:
    assert run(History.from_json({k: v for k, v in case.items() if k != "why"})) == []
