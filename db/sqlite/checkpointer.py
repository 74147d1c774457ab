"""Copies the write-ahead log into the ledger's file while commits continue."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from pathlib import Path

import aiosqlite

from db.sqlite.group_commit import GroupCommitConnection, address

# Operations between two checkpoints: some 4,000 pages of the log, many of which repeat.
MANY = 1_500

_COPY = "PRAGMA wal_checkpoint(PASSIVE)"


class WalCheckpointer:
    """Runs checkpoints on its own connection.

    By default SQLite runs a checkpoint within a commit, which then takes 4 to 8 ms instead of 0.3 ms and
    delays everything behind it. At 1,000 notifications a second, this caused eight of the sixteen slowest
    (bench/). The writer itself only copies the pages written during the checkpoint, between two groups. Once
    the whole log has been copied, SQLite starts it again from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next: float = MANY
        self._copying: asyncio.Task[None] | None = None

    def changed(self, writer: GroupCommitConnection) -> None:
        """Start a checkpoint if enough was written since the last one.

        Call it on the event loop after every commit.
        """
        if writer.done >= self._next:
            self._next = writer.done + MANY
            if self._copying is None or self._copying.done():
                self._copying = asyncio.create_task(self._copy(writer), name="copier")

    async def close(self) -> None:
        """Wait for a running checkpoint to finish, and start no more."""
        self._next = math.inf
        if self._copying is not None:
            await self._copying

    async def _copy(self, writer: GroupCommitConnection) -> None:
        try:
            async with aiosqlite.connect(address(self._path, "rw"), uri=True, isolation_level=None) as db:
                await db.execute_fetchall(_COPY)
            await writer.between(_COPY)
        except sqlite3.Error:
            # the writer runs a checkpoint itself when the log grows long, and reports what is wrong with the
            # file
            pass
