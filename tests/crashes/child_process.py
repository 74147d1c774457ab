"""Runs the program in a child process, which dies around a given commit when told to.

The program runs unchanged, except that pauses which only cost time are shortened.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import stripe
import uvloop

import bot
from cogs import bot as cogs_bot
from cogs.gateways import roles
from config import load
from db.sqlite import group_commit, schema
from logs import set_up_logging
from providers import pace
from standins.clock import MovableClock
from tests.crashes.files import Files

# The SDK loads most of its modules on first access: do that once, before the fork, not in every child.
STRIPE_CLIENT = stripe.StripeClient


@dataclass(frozen=True)
class Child:
    """The arguments of a process. `offset`: seconds by which its clock is ahead of the machine's. `log`:
    the file for the log of its writes and messages. `synchronous`: the ledger's setting, or None for the
    program's own."""

    settings: Mapping[str, str]
    folder: Path
    offset: float
    log: Path | None = None
    synchronous: str | None = None


class Commits:
    """Counts the moments before and after each commit that changes something, and kills the process at the
    moment that was chosen."""

    def __init__(self) -> None:
        self._left = 0
        self._changes = 0

    def stand_around(self) -> None:
        """Watch the commits of every connection to the ledger."""
        execute = sqlite3.Connection.execute

        def seen(db: group_commit._BatchingConnection, statement: str, *values: Any) -> sqlite3.Cursor:
            writes = not db.only_reads
            if statement == "BEGIN IMMEDIATE":
                self._changes = db.total_changes
            if not writes or statement != "COMMIT" or db.total_changes == self._changes:
                return execute(db, statement, *values)
            self._passes()
            done = execute(db, statement, *values)
            self._passes()
            return done

        group_commit._BatchingConnection.execute = seen  # type: ignore[method-assign, assignment]  # wrapped to watch it from outside

    def _passes(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self, dies_at: int | None) -> None:
        """Start counting, and kill the process at the moment with this number."""
        self._left = dies_at or 0


def run_child(child: Child, link: Connection) -> None:
    """Run the program until it is killed. `link` receives ("turn", seconds) and ("arm", number or None); the
    child answers "arm" once it has carried it out."""
    os.chdir(child.folder)
    with Path("output.txt").open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(child.settings)
    _hurry()
    if child.synchronous is not None:
        _loosen(child.synchronous)
    if child.log is not None:
        files = Files(child.log)
        files.stand_before_sqlite()
        files.stand_before_listener()
    commits, clock = Commits(), MovableClock(child.offset)
    commits.stand_around()
    uvloop.run(_serve(commits, clock, link))


def _hurry() -> None:
    """Shorten the waits for further servers, for a turn at the providers, and for roles to settle."""
    cogs_bot.STREAM_PAUSE = 0.02
    roles.SETTLING = 0.02
    pace.LIMITS = dict.fromkeys(pace.LIMITS, pace.UNPACED)


def _loosen(synchronous: str) -> None:
    ours, theirs = "PRAGMA synchronous = FULL", f"PRAGMA synchronous = {synchronous}"
    settings: Any = schema
    assert ours in settings._WRITER
    settings._WRITER = tuple(theirs if one == ours else one for one in settings._WRITER)


async def _serve(commits: Commits, clock: MovableClock, link: Connection) -> None:
    def told() -> None:
        try:
            what, value = link.recv()
        except EOFError:  # the test process is gone, so nobody else would end this one
            os._exit(1)
        if what == "turn":
            clock.advance(value)
        else:
            commits.arm(value)
            link.send(what)

    asyncio.get_running_loop().add_reader(link.fileno(), told)
    settings = load()
    set_up_logging(settings.log_level, settings.log_format)
    await bot.serve(settings, clock)
