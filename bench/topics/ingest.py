"""Measures ingest, from a socket to a durable inbox, against a handler that only reads and answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from bench.load import Order, Tally, send
from bench.machine import folder
from bench.server import SECRET, serving
from bench.table import Figure

TURNS, SECONDS = 5, 0.4  # of each load in a round, one server after the other
FASTEST = 20_000  # notifications a second that there are bodies for


@dataclass
class Round:
    """The tallies of one round, by server and number of connections."""

    tallies: defaultdict[tuple[str, int], list[Tally]] = field(default_factory=lambda: defaultdict(list))

    def rate(self, connections: int) -> float:
        """Return the answers a second as a share of the bare handler's."""
        mine, bare = (median(one.rate for one in self.tallies[who, connections]) for who in ("dues", "bare"))
        return mine / bare

    def p99(self, connections: int) -> float:
        """Return the p99 of the answer time as a multiple of the bare handler's."""
        mine, bare = (median(one.p99 for one in self.tallies[who, connections]) for who in ("dues", "bare"))
        return mine / bare


MEASURED = [("bare", 64), ("dues", 64), ("dues", 16), ("bare", 16)]  # server and connections


class Stage:
    """All servers, running at once; only the one being measured has work to do."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._next = 0

    def measure(self, mode: str, connections: int, seconds: float = SECONDS) -> Tally:
        """Load one server with events that it has not received before."""
        most = int(FASTEST * seconds) + connections + 1
        first, self._next = self._next, self._next + most
        return send(Order(self._ports[mode], connections, seconds, first, most, secret=SECRET))


@contextmanager
def stage() -> Iterator[Stage]:
    """Start all servers and warm them up."""
    with ExitStack() as stack:
        path = stack.enter_context(folder())
        modes = ("bare", "dues")
        built = Stage({mode: stack.enter_context(serving(mode, path)).port for mode in modes})
        for mode in modes:
            built.measure(mode, 64, 0.3)
        yield built


def measure(rounds: int) -> list[Figure]:
    """Return the table's rows about ingest."""
    with stage() as built:
        taken = []
        for number in range(rounds):
            taken.append(Round())
            for turn in range(TURNS):
                for mode, connections in MEASURED if (number + turn) % 2 == 0 else reversed(MEASURED):
                    taken[-1].tallies[mode, connections].append(built.measure(mode, connections))
    return [
        Figure(
            "durable ingest through the listener, 64 connections",
            tuple(one.rate(64) for one in taken),
            0.30,
            0.45,
            more_is_better=True,
        ),
        Figure(
            "the same at 16 connections",
            tuple(one.rate(16) for one in taken),
            0.20,
            0.33,
            more_is_better=True,
        ),
        Figure(
            "its p99 to the bare handler's, 64 connections",
            tuple(one.p99(64) for one in taken),
            3.5,
            2.5,
            more_is_better=False,
        ),
    ]
