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

TURNS, SECONDS = 5, 0.4  # of each kind of load in a round, one server after the other
FASTEST = 20_000  # notifications a second that there are bodies for
OPEN_RATE = 1_000


@dataclass
class Round:
    """Every tally of one round, by server and kind of load."""

    tallies: defaultdict[tuple[str, str], list[Tally]] = field(default_factory=lambda: defaultdict(list))

    def rate(self, mode: str, load: str) -> float:
        """Answers a second, as a share of the bare handler's."""
        mine, bare = (median(one.rate for one in self.tallies[who, load]) for who in (mode, "bare"))
        return mine / bare

    def p99(self, load: str) -> float:
        """p99 as a multiple of the bare handler's."""
        mine, bare = (median(one.p99 for one in self.tallies[who, load]) for who in ("dues", "bare"))
        return mine / bare


@dataclass(frozen=True)
class Load:
    """A kind of load; bench.load.Order explains the fields."""

    connections: int
    rate: float = 0.0
    awake: bool = False
    seconds: float = SECONDS


LOADS = {
    "64": Load(64),
    "64, awake": Load(64, awake=True),
    "16": Load(16),
    "open": Load(64, float(OPEN_RATE), seconds=4 * SECONDS),
}
MEASURED = [
    ("bare", "64, awake"),
    ("verify", "64, awake"),
    ("sdk", "64, awake"),
    ("nothing", "64, awake"),
    ("bare", "64"),
    ("dues", "64"),
    ("dues", "16"),
    ("bare", "16"),
    ("bare", "open"),
    ("dues", "open"),
]


class Stage:
    """All servers at once; only the one that is measured works."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._next = 0

    def measure(self, mode: str, name: str, seconds: float | None = None) -> Tally:
        """Send one kind of load to one server, with events that it has not seen."""
        load = LOADS[name]
        seconds = seconds or load.seconds
        most = int((load.rate or FASTEST) * seconds) + load.connections + 1
        first, self._next = self._next, self._next + most
        port = self._ports[mode]
        return send(Order(port, load.connections, seconds, first, most, load.rate, SECRET, awake=load.awake))


@contextmanager
def stage() -> Iterator[Stage]:
    """Start all servers and warm them up."""
    with ExitStack() as stack:
        path = stack.enter_context(folder())
        modes = ("bare", "verify", "sdk", "nothing", "dues")
        built = Stage({mode: stack.enter_context(serving(mode, path)).port for mode in modes})
        for mode in modes:
            built.measure(mode, "64", 0.3)
        yield built


def measure(rounds: int) -> list[Figure]:
    """The rows about ingest."""
    with stage() as built:
        taken = []
        for number in range(rounds):
            taken.append(Round())
            for turn in range(TURNS):
                for mode, load in MEASURED if (number + turn) % 2 == 0 else reversed(MEASURED):
                    taken[-1].tallies[mode, load].append(built.measure(mode, load))
    sdk, nothing = (
        f"{median(one.rate(mode, '64, awake') for one in taken):.2f}" for mode in ("sdk", "nothing")
    )
    return [
        Figure(
            "verify and parse, nothing stored, 64 connections",
            tuple(one.rate("verify", "64, awake") for one in taken),
            0.60,
            0.70,
            more_is_better=True,
            note=f"a handler that authenticates and answers; with Stripe's own verify_header instead: {sdk}. "
            f"The whole listener, with counter and log line, over a ledger that keeps nothing: {nothing}",
        ),
        Figure(
            "durable ingest through the listener, 64 connections",
            tuple(one.rate("dues", "64") for one in taken),
            0.30,
            0.45,
            more_is_better=True,
        ),
        Figure(
            "the same at 16 connections",
            tuple(one.rate("dues", "16") for one in taken),
            0.20,
            0.33,
            more_is_better=True,
        ),
        Figure(
            "its p99 to the bare handler's, 64 connections",
            tuple(one.p99("64") for one in taken),
            3.5,
            2.5,
            more_is_better=False,
        ),
        Figure(
            f"p99 in an open loop at {OPEN_RATE:,} a second, to the bare handler's",
            tuple(one.p99("open") for one in taken),
            3.0,
            2.0,
            more_is_better=False,
        ),
    ]
