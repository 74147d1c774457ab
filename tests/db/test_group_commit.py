"""One writer: who waits shares a commit, and nobody hears of it before it is on disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from billing.errors import LedgerError, LedgerUnavailable, NotFound
from db.sqlite.group_commit import AT_ONCE, GroupCommitConnection, Operation
from db.sqlite.schema import prepare_reader, prepare_writer

STATEMENTS: list[str] = []


def traced(db: sqlite3.Connection) -> None:
    prepare_writer(db)
    db.set_trace_callback(STATEMENTS.append)


@asynccontextmanager
async def opened(path: Path, prepare: Operation, **options: Any) -> AsyncIterator[GroupCommitConnection]:
    """Closed whatever happens: a connection left open keeps the test run from ending."""
    connection = await GroupCommitConnection.open(path, prepare, **options)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def connection(empty: Path) -> AsyncIterator[GroupCommitConnection]:
    STATEMENTS.clear()
    async with opened(empty, traced) as found:
        yield found


def put(name: str) -> Callable[[sqlite3.Connection], str]:
    def operation(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO named_values VALUES (?, '')", (name,))
        return name

    return operation


def names(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT name FROM named_values ORDER BY name")]


def count(statement: str) -> int:
    return STATEMENTS.count(statement)


async def test_waiting_operations_share_one_commit(connection: GroupCommitConnection) -> None:
    wanted = [f"n{n:03}" for n in range(64)]
    assert await asyncio.gather(*(connection.run(put(name)) for name in wanted)) == wanted
    assert (count("BEGIN IMMEDIATE"), count("COMMIT")) == (1, 1)
    assert await connection.run(names) == wanted


async def test_an_operation_during_a_commit_goes_into_the_next_one(connection: GroupCommitConnection) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(db: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    first = asyncio.create_task(connection.run(slow))
    await entered.wait()
    others = [asyncio.create_task(connection.run(put(f"n{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)
    assert count("COMMIT") == 2


async def test_an_operation_that_arrives_while_the_thread_is_busy_joins_the_group(
    connection: GroupCommitConnection,
) -> None:
    free = threading.Event()
    await connection.run(lambda db: db.create_function("held", 0, lambda: free.wait(30)))
    holding = asyncio.create_task(
        connection._db.execute("SELECT held()")
    )  # before the commit in the thread's line
    first = asyncio.create_task(connection.run(put("a")))
    for _ in range(5):
        await asyncio.sleep(0)
    second = asyncio.create_task(connection.run(put("b")))
    await asyncio.sleep(0)
    STATEMENTS.clear()
    free.set()
    await asyncio.gather(holding, first, second)
    assert count("COMMIT") == 1


async def test_a_single_operation_does_not_wait_for_others(connection: GroupCommitConnection) -> None:
    await connection.run(put("a"))
    await connection.run(put("b"))
    assert count("COMMIT") == 2


async def test_an_operation_is_not_answered_before_its_commit(
    connection: GroupCommitConnection, path: Path
) -> None:
    async def put_and_look(name: str) -> bool:
        await connection.run(put(name))
        beside = sqlite3.connect(path)
        found = name in names(beside)
        beside.close()
        return found

    assert all(await asyncio.gather(*(put_and_look(f"n{n}") for n in range(8))))


async def test_a_failing_operation_does_not_fail_its_group(connection: GroupCommitConnection) -> None:
    def half(db: sqlite3.Connection) -> None:
        put("half")(db)
        put("a")(db)  # there is one already

    def refused(db: sqlite3.Connection) -> None:
        put("refused")(db)
        raise NotFound("no such thing")

    def broken(db: sqlite3.Connection) -> None:
        put("broken")(db)
        raise ZeroDivisionError

    operations = (put("a"), half, refused, broken, put("b"))
    answers = await asyncio.gather(*(connection.run(o) for o in operations), return_exceptions=True)
    assert [type(a) for a in answers] == [str, LedgerError, NotFound, LedgerError, str]
    assert count("COMMIT") == 1
    assert await connection.run(names) == ["a", "b"]


async def test_a_failed_group_raises_for_all_and_the_next_one_succeeds(
    connection: GroupCommitConnection, path: Path
) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    await connection.run(lambda db: db.execute("PRAGMA busy_timeout = 0").fetchall())
    holder.execute("BEGIN IMMEDIATE")
    answers = await asyncio.gather(*(connection.run(put(n)) for n in "abc"), return_exceptions=True)
    assert [type(a) for a in answers] == [LedgerUnavailable] * 3
    holder.execute("ROLLBACK")
    holder.close()
    await connection.run(put("d"))
    assert await connection.run(names) == ["d"]


async def test_a_full_disk_fails_whole_groups_until_there_is_room(connection: GroupCommitConnection) -> None:
    await connection.run(put("before"))
    room = await connection.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await connection.run(lambda db: db.execute(f"PRAGMA max_page_count = {room}").fetchall())
    big = "x" * 100_000
    answers = await asyncio.gather(*(connection.run(put(n)) for n in ("a", big, "b")), return_exceptions=True)
    assert [type(a) for a in answers] == [LedgerUnavailable] * 3
    assert await connection.run(names) == ["before"]
    await connection.run(lambda db: db.execute(f"PRAGMA max_page_count = {room + 1000}").fetchall())
    await connection.run(put(big))
    assert await connection.run(names) == ["before", big]


async def test_a_commit_that_fails_is_rolled_back_for_all(connection: GroupCommitConnection) -> None:
    def owing(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA defer_foreign_keys = ON")
        db.execute("INSERT INTO rings VALUES ('stripe', 'acct', 'sub_1', 99, 1)")  # there is no event 99

    operations = (put("a"), owing, put("b"))
    answers = await asyncio.gather(*(connection.run(o) for o in operations), return_exceptions=True)
    assert [type(a) for a in answers] == [LedgerError] * 3
    await connection.run(put("c"))
    assert await connection.run(names) == ["c"]


async def test_a_cancelled_waiter_stops_no_other_operation(connection: GroupCommitConnection) -> None:
    gone = asyncio.create_task(connection.run(put("a")))
    stays = asyncio.create_task(connection.run(put("b")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == "b"
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_closing_the_connection_finishes_waiting_operations(empty: Path) -> None:
    async with opened(empty, prepare_writer) as connection:
        waiting = [asyncio.create_task(connection.run(put(n))) for n in "abc"]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == ["a", "b", "c"]


async def test_the_answers_of_a_large_group_are_spread_over_turns_of_the_loop(
    connection: GroupCommitConnection,
) -> None:
    waiting = [asyncio.create_task(connection.run(put(f"n{n:03}"))) for n in range(3 * AT_ONCE)]
    answered, most = 0, 0
    while answered < len(waiting):
        await asyncio.sleep(0)
        before, answered = answered, sum(task.done() for task in waiting)
        most = max(most, answered - before)
    assert count("COMMIT") == 1
    assert most == AT_ONCE


async def test_a_commit_with_changes_is_announced_once_and_a_read_is_not(empty: Path) -> None:
    announced: list[int] = []
    async with opened(empty, prepare_writer, on_change=lambda: announced.append(1)) as connection:
        await asyncio.gather(*(connection.run(put(n)) for n in "abc"))
        assert len(announced) == 1
        await connection.run(names)
        await connection.run(lambda db: db.execute("DELETE FROM named_values WHERE name = 'z'").fetchall())
        assert len(announced) == 1
        await connection.run(put("d"))
        assert len(announced) == 2


async def test_a_listener_that_fails_stops_no_commit(empty: Path) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def fail() -> None:
        raise ZeroDivisionError

    async with opened(empty, prepare_writer, on_change=fail) as connection:
        assert [await connection.run(put(n)) for n in "ab"] == ["a", "b"]
    assert len(faults) == 2


async def test_a_reader_sees_one_moment_and_cannot_write(
    connection: GroupCommitConnection, path: Path
) -> None:
    await connection.run(put("a"))
    loop = asyncio.get_running_loop()

    def twice(db: sqlite3.Connection) -> tuple[list[str], list[str]]:
        before = names(db)
        asyncio.run_coroutine_threadsafe(connection.run(put("b")), loop).result()
        return before, names(db)

    async with opened(path, prepare_reader, mode="ro") as reader:
        assert await reader.run(twice) == (["a"], ["a"])
        assert await reader.run(names) == ["a", "b"]
        with pytest.raises(LedgerUnavailable):
            await reader.run(put("c"))
