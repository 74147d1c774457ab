"""A pytest plugin that writes the number of passed tests, by file: `-p tools.tally --tally FILE`.

A test that plays many cases prints their number, such as "killed at each of 41 points"; the plugin adds these
numbers up.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

PLAYED = re.compile(r"\b(\d+)(?: of \d+)? (histories|points|statements|calls|moments)\b")


def played(words: str) -> Counter[str]:
    """Parse the numbers of played cases from a test's output, by kind."""
    found: Counter[str] = Counter()
    for number, kind in PLAYED.findall(words):
        found[kind] += int(number)
    return found


class Tally:
    """Counts passed tests, in the process to which xdist's workers report."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._passed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a passed test. The setup and teardown of its fixtures do not count."""
        if report.when == "call" and report.passed:
            file = report.nodeid.partition("::")[0]
            self._passed[file] += Counter(tests=1) + played(report.capstdout)

    def pytest_sessionfinish(self) -> None:
        """Write the counts to the file."""
        self._target.write_text(json.dumps(self._passed), "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --tally, which names the file to write to."""
    parser.addoption("--tally", type=Path, help="write down what passed, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Register the counter in the process to which xdist's workers report."""
    target = config.getoption("--tally")
    if target is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(target))
