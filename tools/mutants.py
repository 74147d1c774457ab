"""Removes the program's guards, one at a time, and checks that the tests notice: `make mutants`.

A test that cannot fail proves nothing. Each guard in tools/guards.toml is removed from a copy of the tree,
and the tests that it names are run there. At the end, the tests that noticed are run on an untouched copy.

A guard names the function or constant that contains it, so it survives a move of its file.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
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
NOT_GUARDED = {".venv", "bench", "build", "sandbox", "standins", "tests", "tools"}
FAILED = re.compile(r"^FAILED ([^\s\[]+::[^\s\[]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard of the program: replacing `old` with `new` must make one of `tests` fail.

    `promise`: the number of the promise that would be broken. `within`: the end of the dotted path of a
    function, class or constant of the program, such as `webhook.verify`, or a file, such as `0001.sql`. It
    contains `old` exactly once.
    """

    name: str
    promise: int
    within: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one guard.

    `noticed`: the test that failed; None if all tests passed or did not finish. `says`: pytest's output.
    """

    guard: Guard
    noticed: str | None
    seconds: float
    says: str


def load_guards() -> list[Guard]:
    """Read the guards from tools/guards.toml."""
    rows = tomllib.loads(TABLE.read_text("utf-8"))["guard"]
    return [Guard(**{**row, "tests": tuple(row["tests"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a definition.

    `file`: relative to the tree's root. `first` and `end`: its lines as a half-open range, counted from 0.
    """

    file: Path
    first: int
    end: int


def find_places(tree: Path) -> dict[str, Place]:
    """Map the dotted path of every function, class and constant of the program to its place.

    Every file is in the map too, by its path from the root with a leading slash.
    """
    places = {}
    for path in sorted([*tree.rglob("*.py"), *tree.rglob("*.sql")]):
        file, text = path.relative_to(tree), path.read_text("utf-8")
        if file.parts[0] in NOT_GUARDED:
            continue
        places[f"/{file.as_posix()}"] = Place(file, 0, len(text.splitlines()))
        if file.suffix == ".py":
            for name, node in definitions_of(ast.parse(text), ".".join(("", *file.with_suffix("").parts))):
                first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]) - 1
                places[name] = Place(file, first, node.end_lineno or node.lineno)
    return places


def definitions_of(node: ast.AST, path: str) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the definitions in a module or class, including nested ones, with their dotted paths."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    for child in ast.iter_child_nodes(node):
        if isinstance(child, functions | ast.ClassDef):
            yield f"{path}.{child.name}", child
            yield from definitions_of(child, f"{path}.{child.name}")
        elif isinstance(child, ast.Assign | ast.AnnAssign) and not isinstance(node, functions):
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            if isinstance(target, ast.Name):
                yield f"{path}.{target.id}", child


def find_place(guard: Guard, places: dict[str, Place]) -> Place:
    """Return the place of a guard. Raises ValueError if `guard.within` does not match exactly one name."""
    endings = (f".{guard.within}", f"/{guard.within}")
    found = [place for name, place in places.items() if name.endswith(endings)]
    if len(found) != 1:
        raise ValueError(f"{guard.name}: {len(found)} definitions are called {guard.within}, not one")
    return found[0]


def without(guard: Guard, text: str, place: Place) -> str:
    """Return the text without the guard. Raises ValueError unless its place contains it exactly once."""
    lines = text.splitlines(keepends=True)
    body = "".join(lines[place.first : place.end])
    if (found := body.count(guard.old)) != 1:
        raise ValueError(f"{guard.name}: its text stands {found} times in {guard.within}, not once")
    return "".join([*lines[: place.first], body.replace(guard.old, guard.new), *lines[place.end :]])


def run_tests(tree: Path, tests: Iterable[str], *options: str) -> tuple[int, str]:
    """Run tests in a tree, and return pytest's exit code and output; the code is -1 if the time ran out."""
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
    """Remove a guard from the tree, run its tests until one fails, and put the guard back."""
    place, began = find_place(guard, find_places(tree)), perf_counter()
    path = tree / place.file
    whole = path.read_text("utf-8")
    path.write_text(without(guard, whole, place), "utf-8")
    try:
        code, says = run_tests(tree, guard.tests, "-x")
    finally:
        path.write_text(whole, "utf-8")
    # Exit code 1 means that tests failed. Anything else, such as a module that cannot be imported, shows
    # nothing.
    failed = FAILED.search(says) if code == 1 else None
    return Verdict(guard, failed.group(1) if failed else None, perf_counter() - began, says)


def try_all(guards: Sequence[Guard], folder: Path) -> list[Verdict]:
    """Try every guard, AT_ONCE at a time, and report progress. Each worker uses its own copy of the tree."""
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
    """Copy the project to a folder, without the files that tools generate."""
    shutil.copytree(ROOT, to, ignore=LEFT_OUT)
    return to


def tell(verdict: Verdict) -> None:
    """Print one line about a verdict, and pytest's whole output if no test noticed."""
    by = verdict.noticed or f"NOTHING\n{verdict.says[-2000:]}"
    print(f"{verdict.seconds:5.1f} s  {verdict.guard.name}\n         {by}", flush=True)


def main(wanted: str = "") -> list[Verdict] | None:
    """Try the guards whose names contain `wanted`, and return their verdicts.

    Returns None if no guard matches, or if the tests missed a guard's removal or fail even with every guard
    in place.
    """
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
