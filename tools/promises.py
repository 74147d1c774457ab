"""Run what proves the promises and write docs/promises.md: `make promises`; N=5 shows the fifth alone.

No number on that page is typed by hand: each is what passed in the run that wrote it.
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

from tests.faults.histories.test_histories import COUNT as PLAYED
from tools import mutants
from tools.mutants import ROOT, Guard, load_guards

TABLE = ROOT / "tools" / "promises.toml"
PAGE = ROOT / "docs" / "promises.md"
WORKERS = os.environ.get("PYTEST_WORKERS", "2")
FAULTS = "tests/faults"
HISTORIES = f"{FAULTS}/histories/test_histories.py"
# What a test that plays many cases calls them, and what a reader does.
KINDS = {
    "histories": "histories",
    "points": "kills",
    "statements": "kills before a statement",
    "calls": "kills before a system call",
    "moments": "power cuts",
}

Ran = Mapping[str, Counter[str]]

_HEAD = """# The promises

Made by `make promises`, which runs everything named here and writes down what passed; a test holds this page
to `tools/promises.toml` and `tools/guards.toml`. Under each promise stands what runs its tests alone.

| | promise | passed | guards taken away |
|---|---|---|---|
"""

_SECTION = """
## {number}. {title}

{means}

| tests | what they try | passed |
|---|---|---|
{cases}

`make promises N={number}`
"""

_GUARDS = """
## Proof of the proof

A test that cannot fail proves nothing. `make mutants` takes the program's guards away, one at a time, in a
copy of its source, and fails unless the tests notice each. {count} were, and every one was noticed:

| guard | promise | taken from | noticed by |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """`means`: what an owner has of it. `tests`: the files that try to break it."""

    number: int
    title: str
    means: str
    tests: tuple[str, ...]


def load_promises() -> list[Promise]:
    """The table."""
    rows = tomllib.loads(TABLE.read_text("utf-8"))["promise"]
    return [
        Promise(number, row["title"], row["means"].strip(), tuple(row["tests"]))
        for number, row in enumerate(rows, 1)
    ]


def unnamed() -> list[str]:
    """Files below tests/faults that no promise names: they would prove nothing to a reader."""
    named = {test for promise in load_promises() for test in promise.tests}
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / FAULTS).rglob("test_*.py"))
    return sorted(set(found) - named)


def about(file: str) -> str:
    """What a file says of itself, the first paragraph."""
    said = ast.get_docstring(ast.parse((ROOT / file).read_text("utf-8"))) or ""
    first = " ".join(said.split("\n\n")[0].split())
    return re.sub(r" \((promises? [\d and,]+|docs/promises\.md)\)", "", first).replace("|", "\\|")


def run(files: Iterable[str]) -> Ran | None:
    """What passed, by file; None where anything did not."""
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
    """Such as '12 tests, 2,000 histories'."""
    more = [f"{counts[kind]:,} {says}" for kind, says in KINDS.items() if counts.get(kind)]
    tests = counts["tests"]
    return ", ".join([f"{tests:,} test{'s' * (tests != 1)}", *more])


def page(ran: Ran, noticed: Mapping[str, str]) -> str:
    """The whole of docs/promises.md. `noticed`: the test that noticed, by the guard's name."""
    promises, guards = load_promises(), load_guards()
    rows = [_row(promise, guards, ran) for promise in promises]
    sections = [_section(promise, ran) for promise in promises]
    table = "\n".join(_guard(guard, noticed[guard.name]) for guard in guards)
    return (
        _HEAD + "\n".join(rows) + "\n" + "".join(sections) + _GUARDS.format(count=len(guards)) + table + "\n"
    )


def _row(promise: Promise, guards: list[Guard], ran: Ran) -> str:
    total = sum((ran[test] for test in promise.tests), Counter())
    own = sum(guard.promise == promise.number for guard in guards)
    return f"| {promise.number} | {promise.title} | {words(total)} | {own} |"


def _section(promise: Promise, ran: Ran) -> str:
    cases = "\n".join(f"| {_link(test)} | {about(test)} | {words(ran[test])} |" for test in promise.tests)
    means = textwrap.fill(promise.means, 118, break_on_hyphens=False)
    return _SECTION.format(number=promise.number, title=promise.title, means=means, cases=cases)


def _guard(guard: Guard, noticed: str) -> str:
    file, _, test = noticed.partition("::")
    return f"| {guard.name} | {guard.promise} | `{guard.file}` | {_link(file)} `{test}` |"


def _link(file: str) -> str:
    return f"[`{file.removeprefix('tests/')}`](../{file})"


def show(promise: Promise) -> bool:
    """Run one promise's tests and tell what passed; False where anything did not."""
    print(f"{promise.number}. {promise.title}\n", flush=True)
    ran = run(promise.tests)
    for test in promise.tests if ran else ():
        print(f"{words((ran or {})[test]):40} {test}")
    return ran is not None


def write() -> bool:
    """Run everything and write the page; False, and the page as it was, where anything is amiss."""
    if missing := unnamed():
        print("These prove no promise; name them in tools/promises.toml:", *missing, sep="\n  ")
        return False
    files = dict.fromkeys(test for promise in load_promises() for test in promise.tests)
    ran = run(files)
    verdicts = mutants.main() if ran is not None else None
    if ran is None or verdicts is None:
        print(f"{PAGE.name} stays as it was.")
        return False
    PAGE.write_text(page(ran, {v.guard.name: v.noticed or "" for v in verdicts}), "utf-8")
    print(f"Wrote {PAGE.name}.")
    return True


def main() -> int:
    """0 where all is proven."""
    wanted = os.environ.get("N")
    if not wanted:
        return 0 if write() else 1
    return 0 if show(load_promises()[int(wanted) - 1]) else 1


if __name__ == "__main__":
    sys.exit(main())
