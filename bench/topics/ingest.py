"""The way in: from a socket to a durable inbox, beside a handler that only reads and answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from bench.load import Order, Tally, send
from bench.machine import folder
from bench.server import SECRET, serving
from bench.table import Figure

SECONDS = 1.5
FASTEST = 20_000  # notifications a second that there are bodies for
OPEN_RATE = 1_000


@dataclass
class Round:
    """Every tally of one round, by server and kind of load."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def rate(self, mode: str, load: str) -> float:
        """Answers a second, as a share of the bare handler's."""
        return self.tallies[mode, load].rate / self.tallies["bare", load].rate

    def p99(self, load: str) -> float:
        """Times the bare handler's."""
        return self.tallies["dues", load].p99 / self.tallies["bare", load].p99


LOADS = {"64": (64, 0.0), "16": (16, 0.0), "open": (64, float(OPEN_RATE))}
MEASURED = [
    ("bare", "64"),
    ("verify", "64"),
    ("nothing", "64"),
    ("dues", "64"),
    ("dues", "16"),
    ("bare", "16"),
]
MEASURED += [("bare", "open"), ("dues", "open")]


class Stage:
    """All servers at once, idle but for the one that is asked."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._next = 0

    def measure(self, mode: str, load: str, seconds: float = SECONDS) -> Tally:
        """One kind of load on one server, events that it has not seen."""
        connections, rate = LOADS[load]
        most = int((rate or FASTEST) * seconds) + connections + 1
        self._next += most
        return send(Order(self._ports[mode], connections, seconds, self._next, most, rate, SECRET))


@contextmanager
def stage() -> Iterator[Stage]:
    """Servers started and warmed up."""
    with ExitStack() as stack:
        path = stack.enter_context(folder())
        modes = ("bare", "verify", "nothing", "dues")
        built = Stage({mode: stack.enter_context(serving(mode, path)).port for mode in modes})
        for mode in modes:
            built.measure(mode, "64", 0.3)
        yield built


def measure(rounds: int) -> list[Figure]:
    """Rows 1 to 5."""
    with stage() as built:
        taken = []
        for number in range(rounds):
            taken.append(Round())
            for mode, load in MEASURED if number % 2 == 0 else reversed(MEASURED):
                taken[-1].tallies[mode, load] = built.measure(mode, load)
    return [
        Figure(
            "verify and parse, nothing stored, 64 connections",
            tuple(one.rate("verify", "64") for one in taken),
            0.60,
            0.70,
            more_is_better=True,
            note="a handler that authenticates and answers. The whole listener, with a counter and log line, "
            f"over a ledger that keeps nothing: {median(one.rate('nothing', '64') for one in taken):.2f}",
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
