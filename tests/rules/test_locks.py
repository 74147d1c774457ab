"""One at a time."""

from __future__ import annotations

import asyncio
import gc

from billing.locks import KeyedLocks


async def test_a_lock_serialises_one_key_and_not_others() -> None:
    turns, log = KeyedLocks(), list[str]()
    go = asyncio.Event()

    async def work(key: str, name: str) -> None:
        async with turns.lock(key):
            log.append(f"{name} in")
            await go.wait()
            log.append(f"{name} out")

    working = asyncio.gather(work("a", "1"), work("a", "2"), work("b", "3"))
    await asyncio.sleep(0)
    assert log == ["1 in", "3 in"]
    go.set()
    await working
    assert log.index("1 out") < log.index("2 in")


async def test_a_lock_is_released_after_an_error() -> None:
    turns = KeyedLocks()
    for _ in range(2):
        try:
            async with turns.lock("a"):
                raise ValueError  # noqa: TRY301 - the fault is the test
        except ValueError:
            pass


async def test_unused_lock_keys_are_dropped() -> None:
    turns = KeyedLocks()
    for number in range(1_000):
        async with turns.lock(number):
            pass
    gc.collect()
    assert len(turns._locks) == 0


async def test_keys_that_are_held_or_asked_for_while_somebody_watches_are_seen() -> None:
    turns = KeyedLocks()
    async with turns.lock("before"), turns.lock("held"):
        with turns.watched() as outer, turns.watched() as inner:
            async with turns.lock("asked for"):
                pass
    async with turns.lock("after"):
        pass
    assert outer == inner == {"before", "held", "asked for"}
