"""A connection that collects operations and commits them together (docs/decisions/0005-one-writer.md)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite

from billing.errors import LedgerUnavailable
from db.sqlite.errors import fault_of, is_of_file
from db.sqlite.write_count import WriteCount

# Answers given in one turn of the event loop; the work that follows each would otherwise delay everything
# else.
AT_ONCE = 16

Operation = Callable[[sqlite3.Connection], Any]
OnChange = Callable[[], None]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _PendingOperation:
    operation: Operation
    answer: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class _BatchingConnection(sqlite3.Connection):
    """A connection whose `commit` runs all waiting operations as one transaction and then answers them.

    aiosqlite runs `commit` on its thread, so a whole group takes one hop between threads. The group is
    collected and answered on that thread, not on the event loop, so it includes operations that arrived
    during the hop, and answers come one turn of the loop earlier. This gives a tenth more notifications at 16
    connections (bench/).
    """

    only_reads = False
    count: WriteCount | None = None
    waiting: deque[_PendingOperation]
    answer: Callable[[tuple[_PendingOperation, ...], Exception | None, bool], object]

    def commit(self) -> None:
        changes = self.total_changes
        group = tuple(self.waiting.popleft() for _ in range(len(self.waiting)))
        failed = None
        try:
            try:
                self._transact(group)
            except Exception as error:
                if is_of_file(error):
                    raise
                self._transact(group, apart=True)
        except Exception as error:  # noqa: BLE001 - every waiting caller gets the error, whatever it is
            failed = error
        changed = self.total_changes != changes
        if changed and not failed and self.count:
            self.count.keep()
        self.answer(group, failed, changed)

    def _transact(self, group: tuple[_PendingOperation, ...], *, apart: bool = False) -> None:
        """Run all operations of a group in one transaction, and commit it.

        `apart`: give each operation a savepoint, so that one that fails is undone alone. Savepoints would
        cost a tenth of the rate at which events are stored, so the first attempt runs without them.
        """
        try:
            self.execute("BEGIN" if self.only_reads else "BEGIN IMMEDIATE")
            changes = self.total_changes
            for waiting in group:
                if apart:
                    self._run_apart(waiting)
                else:
                    waiting.result = waiting.operation(self)
            if self.count and self.total_changes != changes:
                self.count.add(self)
            self.execute("COMMIT")
        except BaseException:
            if self.in_transaction:
                self.execute("ROLLBACK")
            raise

    def _run_apart(self, waiting: _PendingOperation) -> None:
        self.execute("SAVEPOINT operation")
        try:
            waiting.result = waiting.operation(self)
        except Exception as error:
            if is_of_file(error):
                raise
            waiting.error = error
            self.execute("ROLLBACK TO operation")
        self.execute("RELEASE operation")


def address(path: Path, mode: str) -> str:
    """Return the SQLite URI of a file. `mode`: ro or rw, and further URI parameters if needed."""
    return f"{path.absolute().as_uri()}?mode={mode}"


class GroupCommitConnection:
    """A connection to the ledger that commits queued operations in groups.

    `run` queues an operation and returns its result once its transaction is over.
    """

    def __init__(self, db: aiosqlite.Connection, raw: _BatchingConnection, on_change: OnChange) -> None:
        self._db = db
        self._on_change = on_change
        self._waiting: deque[_PendingOperation] = deque()
        self._loop = asyncio.get_running_loop()
        raw.waiting = self._waiting
        raw.answer = lambda *done: self._loop.call_soon_threadsafe(self._answer, *done)
        self._called = asyncio.Event()
        self._worker = asyncio.create_task(self._work(), name="ledger")
        self._open = True
        self.failed = False  # the last transaction that was meant to change something
        self.done = 0  # number of operations in transactions that changed something

    @classmethod
    async def open(
        cls,
        path: Path,
        prepare: Operation,
        *,
        mode: str = "rw",
        on_change: OnChange = lambda: None,
        count: WriteCount | None = None,
    ) -> GroupCommitConnection:
        """Open a connection, and run `prepare` on it before any other operation, on the connection's thread.

        `mode`: as in `address`. `on_change`: called on the event loop after each commit that changed
        something. `count`: counts the transactions that change something.
        """
        made: list[_BatchingConnection] = []
        failed: list[Exception] = []

        def connect(*args: Any, **options: Any) -> _BatchingConnection:
            raw = _BatchingConnection(*args, **options)
            raw.only_reads = mode != "rw"
            raw.count = count
            made.append(raw)
            try:
                prepare(raw)
            except Exception as error:  # noqa: BLE001 - raised below: here, aiosqlite's thread would be left over
                failed.append(error)
            return raw

        db = await aiosqlite.connect(
            address(path, mode),
            uri=True,
            factory=connect,
            timeout=5,
            isolation_level=None,
            cached_statements=256,
        )
        if failed:
            await db.close()
            raise fault_of(failed[0])
        return cls(db, made[0], on_change)

    async def run(
        self, operation: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an operation in a transaction, and return its result once that is durable.

        Raises the operation's own error, or a LedgerError if the transaction fails.
        """
        if not self._open:
            raise LedgerUnavailable(detail="the ledger is closed")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append(_PendingOperation(lambda db: operation(db, *args, **kwargs), answer))
        self._called.set()
        return await answer

    async def between(self, statement: str) -> None:
        """Run a statement between two groups, outside any transaction."""
        await self._db.execute_fetchall(statement)

    async def close(self) -> None:
        """Finish the queued operations, then close the file."""
        self._open = False
        self._called.set()
        await self._worker
        await self._db.close()

    async def _work(self) -> None:
        while self._open or self._waiting:
            await self._called.wait()
            self._called.clear()
            while self._waiting:
                await self._db.commit()

    def _answer(self, group: tuple[_PendingOperation, ...], failed: Exception | None, changed: bool) -> None:
        _answer_some(self._loop, group, failed)
        if failed:
            self.failed = True
        elif changed:
            self.failed = False
            self.done += len(group)
            self._on_change()


def _answer_some(
    loop: asyncio.AbstractEventLoop, group: tuple[_PendingOperation, ...], failed: Exception | None
) -> None:
    """Answer the first AT_ONCE callers now, and the others in later turns of the event loop."""
    for waiting in group[:AT_ONCE]:
        error = failed or waiting.error
        if waiting.answer.done():
            continue  # nobody is waiting any more
        if error is None:
            waiting.answer.set_result(waiting.result)
        else:
            waiting.answer.set_exception(fault_of(error))
    if len(group) > AT_ONCE:
        loop.call_soon(_answer_some, loop, group[AT_ONCE:], failed)
