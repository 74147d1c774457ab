"""Runs the proofs of the promises: `make promises`; N=5 runs only the fifth, N=page only writes the page.

docs/promises.md is generated from tools/promises.toml and tools/guards.toml. It contains no counts, which
would be outdated with the next test; a run prints them.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.test_histories import COUNT as PLAYED
from tools import mutants
from tools.mutants import ROOT, Guard, load_guards

TABLE = ROOT / "tools" / "promises.toml"
PAGE = ROOT / "docs" / "promises.md"
WORKERS = os.environ.get("PYTEST_WORKERS", "2")
ATTACKS = (
    "attackers",
    "crashes",
    "outages",
    "simulation",
)  # folders of tests/ whose files all try to break promises
HISTORIES = "tests/simulation/test_histories.py"
# Kinds of cases, as tests print them and as the report names them.
KINDS = {
    "histories": "histories",
    "points": "kills",
    "statements": "kills before a statement",
    "calls": "kills before a system call",
    "moments": "power cuts",
}

Ran = Mapping[str, Counter[str]]

_HEAD = """# The promises

Made from `tools/promises.toml` and `tools/guards.toml` (`make promises N=page`); a test holds this page to
them. `make promises` runs everything named here and prints how much passed. Under each promise stands what
runs its tests alone.

| | promise |
|---|---|
"""

_SECTION = """
## {number}. {title}

{means}

| tests | what they try |
|---|---|
{cases}

`make promises N={number}`
"""

_GUARDS = """
## Proof of the proof

A test that cannot fail proves nothing. `make mutants` takes the program's guards away, one at a time, in a
copy of its source, and fails unless the tests notice each:

| guard | promise | taken from | tests that must notice |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise to the owner of a server.

    `means`: what it means for the owner. `tests`: the test files that try to break it.
    """

    number: int
    title: str
    means: str
    tests: tuple[str, ...]


def load_promises() -> list[Promise]:
    """Read the promises, numbered from 1."""
    rows = tomllib.loads(TABLE.read_text("utf-8"))["promise"]
    return [
        Promise(number, row["title"], row["means"].strip(), tuple(row["tests"]))
        for number, row in enumerate(rows, 1)
    ]


def unnamed() -> list[str]:
    """Return the test files in the folders ATTACKS that no promise names.

    Readers of docs/promises.md would never find them.
    """
    named = {test for promise in load_promises() for test in promise.tests}
    files = (file for folder in ATTACKS for file in (ROOT / "tests" / folder).rglob("test_*.py"))
    found = (file.relative_to(ROOT).as_posix() for file in files)
    return sorted(set(found) - named)


def about(file: str) -> str:
    """Return the first paragraph of a test file's docstring, prepared for a Markdown table."""
    said = ast.get_docstring(ast.parse((ROOT / file).read_text("utf-8"))) or ""
    first = " ".join(said.split("\n\n")[0].split())
    return re.sub(r" \((promises? [\d and,]+|docs/promises\.md)\)", "", first).replace("|", "\\|")


def run(files: Iterable[str]) -> Ran | None:
    """Run test files, and return the counts of passed tests by file; None if any test failed."""
    with tempfile.TemporaryDirectory(prefix="dues-promises-") as folder:
        target = Path(folder, "tally.json")
        command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, "-p", "tools.tally"]
        done = subprocess.run([*command, "--tally", str(target), *files], cwd=ROOT, check=False)
        if done.returncode:
            return None
        ran = {file: Counter(counts) for file, counts in json.loads(target.read_text("utf-8")).items()}
    if HISTORIES in ran:
        ran[HISTORIES] += Counter(histories=PLAYED)
    return ran


def words(counts: Mapping[str, int]) -> str:
    """Put counts into words, such as '12 tests, 2,000 histories'."""
    more = [f"{counts[kind]:,} {says}" for kind, says in KINDS.items() if counts.get(kind)]
    tests = counts["tests"]
    return ", ".join([f"{tests:,} test{'s' * (tests != 1)}", *more])


def page() -> str:
    """Return the whole text of docs/promises.md."""
    promises, guards = load_promises(), load_guards()
    rows = [f"| {promise.number} | {promise.title} |" for promise in promises]
    sections = [_section(promise) for promise in promises]
    return (
        _HEAD + "\n".join(rows) + "\n" + "".join(sections) + _GUARDS + "\n".join(map(_guard, guards)) + "\n"
    )


def _section(promise: Promise) -> str:
    cases = "\n".join(f"| {_link(test)} | {about(test)} |" for test in promise.tests)
    means = textwrap.fill(promise.means, 118, break_on_hyphens=False)
    return _SECTION.format(number=promise.number, title=promise.title, means=means, cases=cases)


def _guard(guard: Guard) -> str:
    tests = ", ".join(_link(test.partition("::")[0]) for test in guard.tests)
    return f"| {guard.name} | {guard.promise} | `{guard.within}` | {tests} |"


def _link(file: str) -> str:
    return f"[`{file.removeprefix('tests/')}`](../{file})"


def show(promise: Promise) -> bool:
    """Run one promise's tests and print the counts of passed ones. Returns False if any test failed."""
    print(f"{promise.number}. {promise.title}\n", flush=True)
    ran = run(promise.tests)
    for test in promise.tests if ran else ():
        print(f"{words((ran or {})[test]):40} {test}")
    return ran is not None


def prove() -> bool:
    """Run the tests of all promises and try all guards. Returns False if anything failed."""
    if missing := unnamed():
        print("These prove no promise; name them in tools/promises.toml:", *missing, sep="\n  ")
        return False
    ran = run(dict.fromkeys(test for promise in load_promises() for test in promise.tests))
    if ran is None or mutants.main() is None:
        return False
    for promise in load_promises():
        total = sum((ran[test] for test in promise.tests), Counter())
        print(f"{promise.number:2} {words(total):60} {promise.title}")
    return True


def main() -> int:
    """Run what N asks for: one promise, all of them, or writing the page. Returns the exit code."""
    match os.environ.get("N"):
        case "page":
            PAGE.write_text(page(), "utf-8")
            return 0
        case None | "":
            return 0 if prove() else 1
        case number:
            return 0 if show(load_promises()[int(number) - 1]) else 1


if __name__ == "__main__":
    sys.exit(main())
