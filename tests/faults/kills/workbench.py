"""A process that forks, for work on a ledger that dies halfway: python -m tests.faults.kills.workbench.

Each line of its input is an order in JSON: `job` (a name in JOBS), `path`, and where to die: before the
n-th `statement`, or before the n-th `call` of the system that changes the ledger (only with the shim). Each
is answered by a line: how many steps were acknowledged, whether it was killed, and how many statements and
calls there were.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
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
from tests.faults.kills.life import Watch

MANY = 1 << 40
Acknowledge = Callable[[], None]


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

    async def converged() -> None:
        (mark,) = await ledger.load_marked(50, 9)
        await ledger.record_converged(mark, [], 99, None, [taken], [], 50)

    async def done() -> None:
        found = await ledger.load_intent("wish_1")
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
        converged,
        lambda: ledger.record_told("told_1", 60, delivered=True),
        lambda: ledger.record_intent(intent(kind=IntentKind.CANCEL_NOW)),
        done,
        lambda: ledger.record_overrides([override(by=ADMIN)], [intent("wish_2")], [], 70),
        lambda: ledger.record_due(10**6),
    ]


def _done(found: Intent) -> Intent:
    return replace(found, state=IntentState.DONE, attempts=1)


JOBS = {"make": make, "use": use}


def work(order: dict[str, Any], answers: int) -> None:
    """In the process that may die."""
    watch, calls = Watch(every=True), _calls()
    sys.addaudithook(watch.hook)
    watch.arm(order.get("statement"))
    if calls is not None:
        calls.shim_arm(ctypes.c_long(order.get("call") or MANY))
    job = JOBS[order["job"]]
    asyncio.run(job(Path(order["path"]), lambda: _write(answers, "acknowledged")))
    made = MANY - calls.shim_left() if calls is not None else 0
    _write(answers, f"statements {len(watch.trail)}")
    _write(answers, f"calls {made}")


def _write(pipe: int, line: str) -> None:
    os.write(pipe, f"{line}\n".encode())


def _calls() -> ctypes.CDLL | None:
    itself = ctypes.CDLL(None)
    if not hasattr(itself, "shim_arm"):
        return None
    itself.shim_left.restype = ctypes.c_long
    return itself


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
