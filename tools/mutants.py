"""Take the program's guards away, one at a time, and see that the tests notice: `make mutants`.

A test that cannot fail proves nothing. Each guard of tools/guards.toml is taken from a copy of the tree, and
the tests named for it are run there; at the end those that noticed are run on an untouched copy.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools" / "guards.toml"
AT_ONCE = 2
LONGEST = 300  # seconds that the tests of one guard may take
LONGEST_TEST = 40
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", ".*_cache", ".hypothesis", "__pycache__", "build", "data", "images"
)
FAILED = re.compile(r"^FAILED ([^\s\[]+::[^\s\[]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Guard:
    """`old` in `file` becomes `new`, and one of `tests` must fail; `promise` is the one it would break."""

    name: str
    promise: int
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`noticed` is the test that failed, None where all passed or did not end; `says` what pytest wrote."""

    guard: Guard
    noticed: str | None
    seconds: float
    says: str


def load_guards() -> list[Guard]:
    """The table."""
    rows = tomllib.loads(TABLE.read_text("utf-8"))["guard"]
    return [Guard(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def without(guard: Guard, text: str) -> str:
    """The file's text when the guard is gone; ValueError where it does not stand there exactly once."""
    if (found := text.count(guard.old)) != 1:
        raise ValueError(f"{guard.name}: its text stands {found} times in {guard.file}, not once")
    return text.replace(guard.old, guard.new)


def run_tests(tree: Path, tests: Iterable[str], *options: str) -> tuple[int, str]:
    """pytest's exit code and words; -1 where it was not done in time."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider"]
    command += ["--hypothesis-seed=0", "-o", f"timeout={LONGEST_TEST}", *options, *tests]
    with subprocess.Popen(
        command,
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            says, _ = run.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            return -1, f"not done within {LONGEST} s"
        return run.returncode, says


def try_without(guard: Guard, tree: Path) -> Verdict:
    """Take it away, run its tests until one fails, put it back."""
    path, began = tree / guard.file, perf_counter()
    whole = path.read_text("utf-8")
    path.write_text(without(guard, whole), "utf-8")
    try:
        code, says = run_tests(tree, guard.tests, "-x")
    finally:
        path.write_text(whole, "utf-8")
    # 1: tests failed. Anything else, as a module that cannot be imported, shows nothing.
    failed = FAILED.search(says) if code == 1 else None
    return Verdict(guard, failed.group(1) if failed else None, perf_counter() - began, says)


def try_all(guards: Sequence[Guard], folder: Path) -> list[Verdict]:
    """Every guard, AT_ONCE at a time, each lane in a copy of its own; told as it goes."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(AT_ONCE):
        copies.put(copy_tree(folder / str(number)))

    def work(guard: Guard) -> Verdict:
        tree = copies.get()
        try:
            verdict = try_without(guard, tree)
        finally:
            copies.put(tree)
        tell(verdict)
        return verdict

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, guards))


def copy_tree(to: Path) -> Path:
    """The project as it stands here, without what tools leave behind."""
    shutil.copytree(ROOT, to, ignore=LEFT_OUT)
    return to


def tell(verdict: Verdict) -> None:
    """One line; all that pytest said where nothing noticed."""
    by = verdict.noticed or f"NOTHING\n{verdict.says[-2000:]}"
    print(f"{verdict.seconds:5.1f} s  {verdict.guard.name}\n         {by}", flush=True)


def main(wanted: str = "") -> list[Verdict] | None:
    """Try the guards whose names hold `wanted`; None unless each was noticed, by tests that pass with it."""
    guards = [guard for guard in load_guards() if wanted in guard.name]
    with tempfile.TemporaryDirectory(prefix="dues-mutants-") as folder:
        verdicts = try_all(guards, Path(folder))
        noticed = {verdict.noticed for verdict in verdicts if verdict.noticed}
        code, says = run_tests(copy_tree(Path(folder, "whole")), sorted(noticed)) if noticed else (0, "")
    lost = [verdict.guard.name for verdict in verdicts if verdict.noticed is None]
    print(f"{len(guards)} guards taken away, {len(guards) - len(lost)} noticed.")
    if lost:
        print("Nothing noticed:", *lost, sep="\n  ")
    if code:
        print(f"With every guard in its place these tests must pass, and did not:\n{says[-3000:]}")
    return None if lost or code or not guards else verdicts


if __name__ == "__main__":
    sys.exit(0 if main(os.environ.get("ONLY", "")) else 1)
