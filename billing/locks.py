"""One at a time: what is fetched later is recorded later."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from weakref import WeakValueDictionary


class KeyedLocks:
    """A lock for each key, kept as long as somebody holds it or waits for it.

    Two looks at the provider's same object that overlap could be recorded the wrong way round, and the
    ledger would hold what was true before. One process has the ledger, so locks of this process are enough.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def lock(self, key: Hashable) -> asyncio.Lock:
        """To be entered with `async with`; never while one's own turn for another key lasts, but for that of
        a subscription within that of its dispute."""
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        return lock
