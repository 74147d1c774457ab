"""`python -m bench [TOPIC …]` runs all topics, or those named, and prints the table of figures.

Each topic runs in a process of its own, so that memory left over from one does not affect the next. The page
in docs/ is written only if all topics ran.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench import table, topics
from bench.machine import find_disk
from bench.table import Figure

LONGEST_TOPIC = 600  # seconds; five rounds take half of it on a slow machine


class Failed(Exception):  # noqa: N818 - a topic failed
    """Raised when a topic gave no figures; its text says which."""


def names() -> list[str]:
    """Return the names of all topics, which are the modules in bench/topics/."""
    return sorted(module.name for module in pkgutil.iter_modules(topics.__path__))


def run(topic: str, rounds: int) -> list[Figure]:
    """Measure one topic in another process, and return its figures."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as answer:
        command = [sys.executable, "-m", "bench", topic, "--rounds", str(rounds), "--into", answer.name]
        try:
            subprocess.run(command, timeout=LONGEST_TOPIC, check=True, cwd=Path(__file__).parents[1])
        except subprocess.CalledProcessError as error:
            raise Failed(f"The topic {topic} ended with {error.returncode}; its words stand above.") from None
        except subprocess.TimeoutExpired:
            raise Failed(f"The topic {topic} took longer than {LONGEST_TOPIC} s.") from None
        return [Figure(**{**row, "rounds": tuple(row["rounds"])}) for row in json.load(answer)]


def measure(topic: str, rounds: int, into: Path) -> None:
    """Measure one topic in this process and write its figures to a file."""
    find_disk()
    figures: list[Figure] = importlib.import_module(f"bench.topics.{topic}").measure(rounds)
    into.write_text(json.dumps([asdict(figure) for figure in figures]))


def main() -> int:
    """Run the topics; return 0, or 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the program costs.")
    parser.add_argument("topic", nargs="*", help=f"all, unless named: {', '.join(names())}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := set(asked.topic) - set(names()):
        parser.error(f"there is no topic {', '.join(sorted(unknown))}")
    if asked.into is not None:
        measure(asked.topic[0], asked.rounds, asked.into)
        return 0
    figures: list[Figure] = []
    try:
        for topic in asked.topic or names():
            print(f"Measuring: {topic} ...", file=sys.stderr, flush=True)
            figures += run(topic, asked.rounds)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    print(table.table(figures))
    if figures and not asked.topic:
        table.write(figures, table.PAGE, "figures")
        print(f"Written to {table.PAGE.relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
