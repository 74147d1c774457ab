"""Each guard that is taken away is noticed by a history, which comes out right while the guard is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.guards import GUARDS, without
from tests.simulation.history import History, run

pytestmark = pytest.mark.slow

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("guards.json").read_text("utf-8"))


def test_every_guard_has_a_history_that_needs_it() -> None:
    assert {case["guard"] for case in CASES} == set(GUARDS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["guard"])
def test_a_history_fails_without_its_guard(case: dict[str, Any]) -> None:
    history = History.from_json({name: value for name, value in case.items() if name != "guard"})
    assert run(history) == []
    with without(case["guard"]):
        wrong = next((variant for variant in interleaved(history) if run(variant)), None)
    assert wrong is not None
    assert run(wrong) == []


def interleaved(history: History) -> Iterator[History]:
    """As it is; and, where two things happen together, with the latter of them sooner or later."""
    yield history
    for place, step in enumerate(history.steps):
        if len(step) > 1:
            for seed, delay in ((seed, delay) for delay in range(160) for seed in range(3)):
                late = (*step[:-1], replace(step[-1], delay=delay))
                steps = (*history.steps[:place], late, *history.steps[place + 1 :])
                yield replace(history, seed=seed, steps=steps)
