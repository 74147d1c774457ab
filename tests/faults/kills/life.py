"""One life of the program in a process of its own, which can be told to die before a certain statement.

The program is run as it is. What it says to SQLite is seen through Python's audit hook, which hands over
every connection that is made, and SQLite's own trace.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

import bot
from config import load
from logs import set_up_logging
from sandbox.clock import MovableClock

# What is done to the file: a transaction is opened, and it is ended. In between nothing reaches the file.
SEEN = ("BEGIN IMMEDIATE", "COMMIT")


class Watch:
    """Counts the statements of the connection that writes, and kills the process at the one it was told.

    `every`: each statement; otherwise those that open and end a transaction.
    """

    def __init__(self, *, every: bool = False) -> None:
        self.every = every
        self.trail: list[str] = []
        self.dies_at: int | None = None
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
            connection.set_trace_callback(self.said)
            sys.setprofile(None)

    def said(self, statement: str) -> None:
        """Before it is carried out."""
        if not self.every and statement not in SEEN:
            return
        self.trail.append(statement)
        if len(self.trail) == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self, dies_at: int | None) -> None:
        """Count from here; die before the statement of that number."""
        self.trail.clear()
        self.dies_at = dies_at


def live(settings: Mapping[str, str], folder: Path, offset: float, link: Connection) -> None:
    """Run the program until it is killed. `link` takes ("turn", seconds), ("arm", number or None) and
    ("trail", None), which alone is answered. The clock is `offset` seconds ahead of the machine's."""
    os.chdir(folder)
    with Path("output.txt").open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(settings)
    watch, clock = Watch(), MovableClock(offset)
    sys.addaudithook(watch.hook)
    uvloop.run(_serve(watch, clock, link))


async def _serve(watch: Watch, clock: MovableClock, link: Connection) -> None:
    def told() -> None:
        what, value = link.recv()
        if what == "turn":
            clock.advance(value)
        elif what == "arm":
            watch.arm(value)
        else:
            link.send(list(watch.trail))

    asyncio.get_running_loop().add_reader(link.fileno(), told)
    settings = load()
    set_up_logging(settings.log_level, settings.log_format)
    await bot.serve(settings, clock)
