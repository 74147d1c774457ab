"""`python -m bench.peers` installs comparable programs and measures them under the same load as Dues.

Every server is restarted for each of its turns and runs alone, so that none processes earlier events while
another is measured.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from bench import table
from bench.load import PATH, Order, Tally, send
from bench.machine import find_disk, folder
from bench.peers import install
from bench.peers.install import Missing, Peer
from bench.server import SECRET, running, serving
from bench.table import Figure
from bench.topics.ingest import FASTEST

CONNECTIONS = 64
SECONDS = 1.5
WARMING = 1.0  # seconds; code that is compiled as it runs needs some
PEERS = (install.express, install.dj_stripe)


class Failed(Exception):  # noqa: N818 - a turn failed
    """Raised when a turn gave no figures; its text says which server's."""


def load(port: int) -> tuple[Tally, int]:
    """Warm the server up, then measure it; return the tally, and the number of events answered in all."""
    most = int(FASTEST * SECONDS) + CONNECTIONS
    warmed = send(Order(port, CONNECTIONS, WARMING, 0, most, secret=SECRET))
    tally = send(Order(port, CONNECTIONS, SECONDS, most, most, secret=SECRET))
    return tally, warmed.answered + tally.answered


def measure_ours(mode: str) -> Tally:
    """Measure a server of bench/server.py, in that mode."""
    with folder() as path, serving(mode, path) as server:
        return load(server.port)[0]


def measure_peer(peer: Peer) -> Tally:
    """Measure a peer. Raises RuntimeError if it accepts a forged event or lost one it acknowledged."""
    with folder() as path:
        database = path / "events.db"
        command = [sys.executable, "-m", "bench.machine", *peer.command, str(database), SECRET]
        with running(command, path, "peer") as server:
            if (status := status_of_forged(server.port)) != 400:
                raise RuntimeError(f"{peer.label} answered {status} to a forged notification")
            tally, answered = load(server.port)
        if (kept := count(database, peer.stored)) != answered:
            raise RuntimeError(f"{peer.label} answered for {answered} events and holds {kept}")
        return tally


def status_of_forged(port: int) -> int:
    """Send an event with a forged signature, and return the HTTP status of the answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        headers = {"Stripe-Signature": f"t=1,v1={'0' * 64}", "Content-Type": "application/json"}
        connection.request("POST", PATH, '{"id": "evt_forged", "livemode": false}', headers)
        return connection.getresponse().status


def count(database: Path, stored: str) -> int:
    """Return the number of events stored in the database."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(stored).fetchone()[0])


def measure(peers: list[Peer], rounds: int) -> list[Figure]:
    """Measure all servers in turns, in alternating order."""
    find_disk()
    turns: dict[str, Callable[[], Tally]] = {mode: partial(measure_ours, mode) for mode in ("bare", "dues")}
    turns |= {peer.label: partial(measure_peer, peer) for peer in peers}
    order = list(turns)
    taken: list[dict[str, Tally]] = []
    for _ in range(rounds):
        taken.append({who: take(who, turns[who]) for who in order})
        order.reverse()
    return figures({"Dues": "dues"} | {peer.label: peer.label for peer in peers}, taken)


def take(who: str, turn: Callable[[], Tally]) -> Tally:
    """Measure one turn. Raises Failed if it gives no figures."""
    try:
        return turn()
    except RuntimeError as error:
        raise Failed(f"{error}\n{who} was not measured; why stands above. Nothing is written.") from error


def figures(shown: Mapping[str, str], taken: list[dict[str, Tally]]) -> list[Figure]:
    """Return two rows, rate and p99, for each label; `shown` maps it to the name of its tallies."""
    rates, waits = [], []
    for label, who in shown.items():
        rate = tuple(one[who].rate / one["bare"].rate for one in taken)
        wait = tuple(one[who].p99 / one["bare"].p99 for one in taken)
        rates.append(Figure(f"{label}, rate", rate))
        waits.append(Figure(f"{label}, p99", wait, more_is_better=False))
    return rates + waits


def installed() -> list[Peer]:
    """Return all peers that could be installed; print the reason for each other one to stderr."""
    found = []
    for peer in PEERS:
        try:
            found.append(peer())
        except Missing as error:
            print(error, file=sys.stderr)
    return found


def main(arguments: list[str]) -> int:
    """Measure the peers; return 0, or 1 if none could be installed or a turn failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="Measure what others run.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(arguments).rounds
    if not (peers := installed()):
        return 1
    print("Measuring the peers ...", file=sys.stderr, flush=True)
    try:
        found = measure(peers, rounds)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    print(table.table(found))
    if len(peers) == len(PEERS):
        table.write(found, table.PEERS_PAGE, "peers")
        print(f"Written to {table.PEERS_PAGE.relative_to(Path.cwd())}")
    else:
        print(f"{table.PEERS_PAGE.relative_to(Path.cwd())} is left as it was: not all peers are there.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
