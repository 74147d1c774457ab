"""SQLite's file, connected to without a thread, on a disk that may be full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.simulation.edges import Pause


@dataclass
class Disk:
    """Connects on the loop's own thread. The next `full` commits of a writer find the disk full."""

    pause: Pause
    full: int = 0

    def connect(
        self, address: str, *, uri: bool, factory: Any = sqlite3.Connection, **options: Any
    ) -> _Connecting:
        def opened() -> _Connection:
            raw = sqlite3.connect(address, uri=uri, factory=factory, **options)
            if "mode=rw" in address and factory is not sqlite3.Connection:
                raw.execute = partial(self._execute, raw.execute)
            return _Connection(raw, self.pause)

        return _Connecting(opened)

    def _execute(
        self, execute: Callable[..., sqlite3.Cursor], statement: str, *values: Any
    ) -> sqlite3.Cursor:
        if statement == "COMMIT" and self.full > 0:
            self.full -= 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return execute(statement, *values)


class _Connecting:
    """The result of aiosqlite's `connect`: awaitable, and a context manager that closes at its end."""

    def __init__(self, opened: Callable[[], _Connection]) -> None:
        self._opened = opened

    def __await__(self) -> Generator[Any, None, _Connection]:
        return self._open().__await__()

    async def _open(self) -> _Connection:
        return self._opened()

    async def __aenter__(self) -> _Connection:
        self._connection = self._opened()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()


class _Connection:
    """As much of aiosqlite's connection as the ledger uses."""

    def __init__(self, raw: sqlite3.Connection, pause: Pause) -> None:
        self._raw, self._pause = raw, pause

    async def commit(self) -> None:
        await self._pause()
        self._raw.commit()

    async def execute_fetchall(self, statement: str) -> list[Any]:
        await self._pause()
        return self._raw.execute(statement).fetchall()

    async def close(self) -> None:
        self._raw.close()
