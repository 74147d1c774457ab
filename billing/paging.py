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
    """Yield all items that `load(after, limit)` returns, reading `at_once` at a time.

    `first`: a key that comes before the key of every item; `key`: returns an item's key, by which the items
    are ordered.
    """
    after = first
    while True:
        found = await load(after, at_once)
        for one in found:
            yield one
        if len(found) < at_once:
            return
        after = key(found[-1])
