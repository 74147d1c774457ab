"""Work that is done together answers each as if it had been done alone."""

from __future__ import annotations

import asyncio

import pytest

from providers.together import AT_ONCE, Together


def _half(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


async def test_everybody_gets_their_own_answer_or_fault() -> None:
    asked = Together(_half)
    answers = await asyncio.gather(*map(asked, range(4)), return_exceptions=True)
    assert [answers[0], answers[2]] == [0, 1]
    assert [str(answers[1]), str(answers[3])] == ["1 is odd", "3 is odd"]


async def test_it_is_done_again_for_those_who_come_later() -> None:
    asked = Together(_half)
    assert await asked(2) == 1
    assert await asked(8) == 4


async def test_who_comes_a_turn_later_comes_along() -> None:
    done: list[int] = []
    asked = Together(done.append)
    first = asyncio.ensure_future(asked(1))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(asked(2))
    seen = set()
    while not (first.done() and second.done()):
        await asyncio.sleep(0)
        seen.add(len(done))
    assert seen == {0, 2}


async def test_who_no_longer_waits_is_left_out() -> None:
    done: list[int] = []
    asked = Together(done.append)
    waiting = [asyncio.ensure_future(asked(number)) for number in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.wait(waiting)
    assert done == [0, 2]
    with pytest.raises(asyncio.CancelledError):
        waiting[1].result()


async def test_a_crowd_leaves_turns_to_others() -> None:
    done: list[int] = []
    asked = Together(done.append)
    crowd = [asyncio.ensure_future(asked(number)) for number in range(3 * AT_ONCE)]
    seen = []
    while len(done) < len(crowd):
        await asyncio.sleep(0)
        seen.append(len(done))
    steps = [after - before for before, after in zip([0, *seen], seen, strict=False)]
    assert max(steps) == AT_ONCE
    await asyncio.gather(*crowd)
    assert done == list(range(len(crowd)))
