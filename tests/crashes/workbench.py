"""A process that forks, for work on a ledger that dies halfway: python -m tests.crashes.workbench.

Each line of its input is an order in JSON: `job` (a name in JOBS), `path`, and where to die: before the
n-th `statement`, or before the n-th `call` that changes a file. Each is answered by a line: how many steps
were acknowledged, whether it was killed, and how many statements and calls there were.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from billing.model import Change, Event, Intent, IntentKind, IntentState
from db import SqliteLedger
from tests.contract.ledger.nouns import (
    ADMIN,
    ANNA,
    GUILD,
    KEY,
    checkout,
    event,
    intent,
    notice,
    override,
    plan,
    subscription,
    sync,
)
from tests.crashes.files import Files

Acknowledge = Callable[[], None]


class Statements:
    """Counts what is said to SQLite by the connection that writes, and kills the process before the
    statement it was told. Seen through Python's audit hook, which hands over each new connection, and
    SQLite's trace."""

    def __init__(self, dies_at: int | None) -> None:
        self.count = 0
        self._dies_at = dies_at
        self._connecting = threading.local()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """For sys.addaudithook: the two events of a new connection (Python's 'Audit events table')."""
        if event == "sqlite3.connect":
            self._connecting.writes = "mode=ro" not in str(args[0])
        elif event == "sqlite3.connect/handle" and self._connecting.writes:
            sys.setprofile(partial(self._trace, args[0]))

    def _trace(self, connection: sqlite3.Connection, *_: object) -> None:
        """At the first call after its making: within, it takes no trace."""
        with suppress(sqlite3.ProgrammingError):
            connection.set_trace_callback(self._said)
            sys.setprofile(None)

    def _said(self, statement: str) -> None:
        """Before it is carried out."""
        self.count += 1
        if self.count == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


async def make(path: Path, acknowledge: Acknowledge) -> None:
    """A ledger where there was none or an older one."""
    async with await SqliteLedger.open(path):
        acknowledge()


async def use(path: Path, acknowledge: Acknowledge) -> None:
    """The writes of the main paths, one after another, and the end."""
    async with await SqliteLedger.open(path) as ledger:
        for step in steps(ledger):
            await step()
            acknowledge()


def steps(ledger: SqliteLedger) -> list[Callable[[], Awaitable[object]]]:
    """From a plan on sale to a revocation, with times of their own."""
    events: list[Event] = [event(f"evt_{n}") for n in range(3)]
    taken = Change(40, GUILD, ANNA.member_id, "roles", "converge", "", "mark", "71", "")

    async def synced() -> None:
        (stale,) = await ledger.load_stale(20, 9)
        await sync(ledger, subscription(binding=ANNA), 20, stale.version, notices=(notice(),))

    async def reconciled() -> None:
        (mark,) = await ledger.load_queued_members(50, 9)
        await ledger.record_reconciled(mark, [], 99, (), [taken], [], 50)

    async def done() -> None:
        found = await ledger.load_intent("intent_1")
        assert found is not None
        await ledger.record_intent_outcome(_done(found), None, [notice("told_2")])

    return [
        lambda: ledger.record_plan(plan(), "1", 10),
        lambda: ledger.record_checkout(checkout()),
        lambda: ledger.record_events(events, 10),
        lambda: ledger.record_located(events[0], [KEY], 11),
        lambda: ledger.record_located(events[1], [KEY], 12),
        synced,
        lambda: ledger.record_granting(GUILD, ANNA.member_id, 71, 30),
        lambda: ledger.record_taking(GUILD, ANNA.member_id, 30),
        reconciled,
        lambda: ledger.record_told("told_1", 60, delivered=True),
        lambda: ledger.record_intent(intent(kind=IntentKind.CANCEL_NOW)),
        done,
        lambda: ledger.record_overrides([override(by=ADMIN)], [intent("intent_2")], [], 70),
        lambda: ledger.record_due(10**6),
    ]


def _done(found: Intent) -> Intent:
    return replace(found, state=IntentState.DONE, attempts=1)


JOBS = {"make": make, "use": use}


def work(order: dict[str, Any], answers: int) -> None:
    """In the process that may die."""
    statements, files = Statements(order.get("statement")), Files()
    sys.addaudithook(statements.hook)
    files.stand_before_sqlite()
    files.arm(order.get("call"))
    job = JOBS[order["job"]]
    asyncio.run(job(Path(order["path"]), lambda: _write(answers, "acknowledged")))
    _write(answers, f"statements {statements.count}")
    _write(answers, f"calls {files.calls}")


def _write(pipe: int, line: str) -> None:
    os.write(pipe, f"{line}\n".encode())


def main() -> None:
    for line in sys.stdin:
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            work(json.loads(line), writes)
            os._exit(0)
        os.close(writes)
        with os.fdopen(reads) as pipe:
            said = pipe.read().split("\n")
        _, status = os.waitpid(child, 0)
        counts = dict(word.split() for word in said if " " in word)
        answer = {"acknowledged": said.count("acknowledged"), "status": status, **counts}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
