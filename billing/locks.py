"""Locks by key, so that fetches of the same object are recorded in the order in which they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary


class KeyedLocks:
    """A lock per key, kept as long as somebody holds it or waits for it.

    If two fetches of the same object overlapped, they could be recorded in the wrong order, and the ledger
    would keep outdated data. Only one process has the ledger open, so locks within this process suffice.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._watchers: list[set[Hashable]] = []

    @contextmanager
    def watched(self) -> Iterator[set[Hashable]]:
        """Collect the keys whose lock is held when the context begins or is requested within it."""
        seen = {key for key, lock in self._locks.items() if lock.locked()}
        self._watchers.append(seen)
        try:
            yield seen
        finally:
            self._watchers = [one for one in self._watchers if one is not seen]

    def lock(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of this key, for `async with`.

        Never take it while holding another key's lock. The only exception: the lock of a subscription may be
        taken while holding that of its dispute, or that of a server's import.
        """
        for seen in self._watchers:
            seen.add(key)
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        return lock
