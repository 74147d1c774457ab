"""Checks large ledgers for damage in the background, after the start."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from db.sqlite.group_commit import address
from db.sqlite.schema import prepare_scanner, quick_check

log = logging.getLogger(__name__)

_STEPS = 10_000  # SQLite's steps between two checks whether to stop


class IntegrityCheck:
    """Checks the whole file on its own thread and connection, so that no commit has to wait."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self.damage = ""  # the damage that SQLite reports; empty if none was found

    def begin(self) -> None:
        """Start the check; call it once per start of the program."""
        self._task = asyncio.create_task(self._look(), name="whole check")

    async def close(self) -> None:
        """Stop the check if it has not finished."""
        self._ended.set()
        if self._task is not None:
            await self._task

    async def _look(self) -> None:
        try:
            says = await asyncio.to_thread(self._check)
        except sqlite3.Error as error:
            says = f"{type(error).__name__}: {error}"
        if self._ended.is_set():
            return
        if says == "ok":
            log.info("The ledger at %s was read whole, and is not damaged", self._path.absolute())
            return
        self.damage = says
        log.error(
            "The ledger at %s is damaged (%s). Stop the bot and restore a backup (docs/operations.md)",
            self._path.absolute(),
            says,
        )

    def _check(self) -> str:
        with closing(sqlite3.connect(address(self._path, "ro"), uri=True)) as db:
            db.set_progress_handler(self._ended.is_set, _STEPS)
            prepare_scanner(db)
            return quick_check(db)
