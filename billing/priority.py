"""How urgent the running task's calls to a provider are.

A context variable rather than an argument: the caller who knows it stands several functions above the call to
the provider, and asyncio hands the variable on to every task that is started from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class Priority(IntEnum):
    """The smaller number goes first."""

    PERSON = 0  # somebody waits: a buyer, a command, a page
    CHANGE = 1  # a subscription's access may have changed
    ROUTINE = 2  # renewals, sweeps and other comparisons


# Commands and pages start outside of the worker, which names the priority of everything that it does.
_PRIORITY: ContextVar[Priority] = ContextVar("priority", default=Priority.PERSON)


def current_priority() -> Priority:
    """The priority of the running task; PERSON unless one was set."""
    return _PRIORITY.get()


@contextmanager
def prioritized(priority: Priority) -> Iterator[None]:
    """Within it, the task and the tasks that it starts have this priority."""
    token = _PRIORITY.set(priority)
    try:
        yield
    finally:
        _PRIORITY.reset(token)
