"""The write-ahead log, brought into the ledger's file beside the commits."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from pathlib import Path

import aiosqlite

from db.sqlite.group_commit import GroupCommitConnection, address

# Operations that were written since the last time: some 4,000 pages of the log, of which many are the same.
MANY = 1_500

_COPY = "PRAGMA wal_checkpoint(PASSIVE)"


class WalCheckpointer:
    """Copies what was committed into the ledger's file, on a connection of its own.

    Left to itself SQLite does so within some commit, which then takes 4 to 8 ms in place of 0.3, and all who
    come meanwhile wait for it: at 1,000 notifications a second eight of the sixteen slowest (bench/). Only
    what is written during the copying is left to the writer, between two of its groups: with that the log
    is copied whole, and begins anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next: float = MANY
        self._copying: asyncio.Task[None] | None = None

    def changed(self, writer: GroupCommitConnection) -> None:
        """To be called on the event loop after every commit."""
        if writer.done >= self._next:
            self._next = writer.done + MANY
            if self._copying is None or self._copying.done():
                self._copying = asyncio.create_task(self._copy(writer), name="copier")

    async def close(self) -> None:
        """Finish what was begun, and begin no more."""
        self._next = math.inf
        if self._copying is not None:
            await self._copying

    async def _copy(self, writer: GroupCommitConnection) -> None:
        try:
            async with aiosqlite.connect(address(self._path, "rw"), uri=True, isolation_level=None) as db:
                await db.execute_fetchall(_COPY)
            await writer.between(_COPY)
        except sqlite3.Error:
            pass  # the writer copies by itself where the log grows long, and says what is wrong with the file
