"""Reads a long list from the ledger in parts, because no method of the ledger answers without a bound."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K")

AT_ONCE = 1_000


async def every(
    load: Callable[[K, int], Awaitable[list[T]]], first: K, key: Callable[[T], K], at_once: int = AT_ONCE
) -> AsyncIterator[T]:
    """All items that `load(after, limit)` knows of, read `at_once` at a time.

    `first`: the key before that of any item; `key`: that of an item, by which they are ordered.
    """
    after = first
    while True:
        found = await load(after, at_once)
        for one in found:
            yield one
        if len(found) < at_once:
            return
        after = key(found[-1])
