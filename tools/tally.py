"""A pytest plugin that writes down what passed: `-p tools.tally --tally FILE`.

By file: how many tests passed, and what they say they played. A test that plays many cases prints how many,
as "killed at each of 41 points".
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

PLAYED = re.compile(r"\b(\d+)(?: of \d+)? (histories|points|statements|calls|moments)\b")


def played(words: str) -> Counter[str]:
    """What a test's printed words say that it played, by kind."""
    found: Counter[str] = Counter()
    for number, kind in PLAYED.findall(words):
        found[kind] += int(number)
    return found


class Tally:
    """Counts on the process that hears of all results."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._passed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One step of one test; its own, not its fixtures', counts."""
        if report.when == "call" and report.passed:
            file = report.nodeid.partition("::")[0]
            self._passed[file] += Counter(tests=1) + played(report.capstdout)

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        self._target.write_text(json.dumps(self._passed), "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write it."""
    parser.addoption("--tally", type=Path, help="write down what passed, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """xdist's workers report to the one that writes."""
    target = config.getoption("--tally")
    if target is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(target))
