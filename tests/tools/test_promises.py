"""The page of promises is what its tables and a run of the tests make of it, and claims no more than is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tools import promises
from tools.mutants import ROOT, load_guards
from tools.promises import KINDS, PAGE, load_promises, page, run, words
from tools.tally import played

TEXT = PAGE.read_text("utf-8")
PROMISES = load_promises()
# A row for a file, with what passed; and for a guard, with the test that noticed.
FILE = re.compile(r"^\| \[`\S+`\]\(\.\./(\S+)\) \| .* \| ([^|]+) \|$", re.MULTILINE)
GUARD = re.compile(r"^\| ([^|]+) \| \d+ \| `\S+` \| \[`\S+`\]\(\.\./(\S+)\) `(\S+)` \|$", re.MULTILINE)


def counted(said: str) -> Counter[str]:
    """The numbers of '12 tests, 2,000 histories'."""
    kinds = {says: kind for kind, says in KINDS.items()} | {"test": "tests", "tests": "tests"}
    parts = (part.partition(" ") for part in said.split(", "))
    return Counter({kinds[says]: int(number.replace(",", "")) for number, _, says in parts})


CLAIMED = {file: counted(said) for file, said in FILE.findall(TEXT)}
NOTICED = {name: f"{file}::{test}" for name, file, test in GUARD.findall(TEXT)}


def test_the_page_is_made_from_the_tables() -> None:
    assert page(CLAIMED, NOTICED) == TEXT, "make promises writes it anew"


def test_every_promise_has_tests_that_passed_and_guards() -> None:
    assert len(PROMISES) == 12
    assert {guard.promise for guard in load_guards()} == {promise.number for promise in PROMISES}
    assert [file for file, counts in CLAIMED.items() if counts["tests"] < 1] == []


def test_what_is_claimed_of_histories_and_kills_is_much() -> None:
    total = sum(CLAIMED.values(), Counter())
    assert total["histories"] >= 2000
    assert total["points"] > 100
    assert total["statements"] > 100
    assert total["moments"] > 10


def test_every_test_that_noticed_is_there() -> None:
    for noticed in NOTICED.values():
        file, *_, function = noticed.split("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in names, noticed


def test_the_front_page_says_the_same() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"^\d+\. (.+)$", readme.split("twelve promises", 1)[1], re.MULTILINE)[:12] == [
        promise.title for promise in PROMISES
    ]


@pytest.mark.slow
def test_no_more_is_claimed_than_there_is() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *CLAIMED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    there = Counter(re.findall(r"^(tests/\S+?\.py)::", done.stdout, re.MULTILINE))
    assert done.returncode == 0, done.stdout[-2000:]
    assert {file: n["tests"] for file, n in CLAIMED.items() if n["tests"] > there[file]} == {}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Pay (renewed): killed at each of 41 points", {"points": 41}),
        ("Pay: killed at 77 of 80 points\npower cut at 9 moments", {"points": 77, "moments": 9}),
        ("nothing to count, 3 times", {}),
    ],
)
def test_what_a_test_says_that_it_played_is_counted(said: str, found: dict[str, int]) -> None:
    assert played(said) == found
    assert counted(words({"tests": 1, **found})) == {"tests": 1, **found}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two tests, one of which plays many cases."""
    tests = "import pytest\n\ndef test_one():\n    print('killed at each of 7 points')\n\n"
    tests += "def test_two():\n    assert {}\n\ndef test_three():\n    pytest.skip()\n"
    (tmp_path / "test_it.py").write_text(tests.format("True"))
    (tmp_path / "test_red.py").write_text(tests.format("False"))
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    monkeypatch.setattr(promises, "ROOT", tmp_path)
    monkeypatch.setattr(promises, "WORKERS", "1")
    return tmp_path


@pytest.mark.slow
def test_what_passed_is_counted_and_a_failure_spoils_it_all(small: Path) -> None:
    assert run(["test_it.py"]) == {"test_it.py": {"tests": 2, "points": 7}}
    assert run(["test_it.py", "test_red.py"]) is None


def test_a_fault_that_no_promise_names_is_told(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small / "tests" / "faults").mkdir(parents=True)
    (small / "tests" / "faults" / "test_new.py").touch()
    assert not promises.write()
    assert "tests/faults/test_new.py" in capsys.readouterr().out
