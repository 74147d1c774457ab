"""From a history that fails to a short one that still does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.history import Deed, History, Step

Fails = Callable[[History], bool]


def shrink(history: History, fails: Fails, tries: int = 600) -> History:
    """The shortest found; `fails` says whether one still does."""
    left = [tries]

    def holds(candidate: History) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    again = True
    while again and left[0] > 0:
        again = False
        for candidate in _smaller(history):
            if holds(candidate):
                history, again = candidate, True
                break
    return history


def _smaller(history: History) -> Iterator[History]:
    """Large cuts first, then single deeds, then plainer numbers."""
    steps = history.steps
    size = len(steps) // 2
    while size >= 1:
        for start in range(len(steps) - size, -1, -1):
            yield replace(history, steps=steps[:start] + steps[start + size :])
        size //= 2
    for place, step in enumerate(steps):
        for number in range(len(step)) if len(step) > 1 else ():
            yield _with(history, place, step[:number] + step[number + 1 :])
    for place, step in enumerate(steps):
        for number, deed in enumerate(step):
            for plain in _plainer(deed):
                yield _with(history, place, (*step[:number], plain, *step[number + 1 :]))
    if history.seed:
        yield replace(history, seed=0)


def _with(history: History, place: int, step: Step) -> History:
    return replace(history, steps=(*history.steps[:place], step, *history.steps[place + 1 :]))


def _plainer(deed: Deed) -> Iterator[Deed]:
    for name in ("delay", "a", "b", "c"):
        value = getattr(deed, name)
        for less in dict.fromkeys((0, value // 2, value % 10, value - 1)):
            if 0 <= less < value:
                yield replace(deed, **{name: less})
