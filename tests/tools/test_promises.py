"""The page of promises is what its tables make of it, and every test that they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import promises
from tools.mutants import ROOT, load_guards
from tools.promises import PAGE, load_promises, page, run
from tools.tally import played

TEXT = PAGE.read_text("utf-8")
PROMISES = load_promises()
NAMED = {test for promise in PROMISES for test in promise.tests}


def test_the_promises_page_equals_the_one_made_from_its_tables() -> None:
    assert page() == TEXT, "make promises N=page rewrites it"


def test_every_promise_has_tests_and_guards() -> None:
    assert len(PROMISES) == 12
    assert {guard.promise for guard in load_guards()} == {promise.number for promise in PROMISES}
    assert [promise.title for promise in PROMISES if not promise.tests] == []
    assert [test for test in NAMED if not (ROOT / test).is_file()] == []


def test_every_file_of_attacks_is_listed_under_a_promise() -> None:
    assert promises.unnamed() == []


def test_the_readme_lists_the_same_promises() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"^\d+\. (.+)$", readme.split("twelve promises", 1)[1], re.MULTILINE)[:12] == [
        promise.title for promise in PROMISES
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Pay (renewed): killed at each of 41 points", {"points": 41}),
        ("Pay: killed at 77 of 80 points\npower cut at 9 moments", {"points": 77, "moments": 9}),
        ("nothing to count, 3 times", {}),
    ],
)
def test_printed_numbers_of_played_cases_are_counted(said: str, found: dict[str, int]) -> None:
    assert played(said) == found


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
def test_passed_tests_are_counted_and_one_failure_gives_no_result(small: Path) -> None:
    assert run(["test_it.py"]) == {"test_it.py": {"tests": 2, "points": 7}}
    assert run(["test_it.py", "test_red.py"]) is None


def test_make_promises_names_an_attack_that_no_promise_lists(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small / "tests" / "crashes").mkdir(parents=True)
    (small / "tests" / "crashes" / "test_new.py").touch()
    assert not promises.prove()
    assert "tests/crashes/test_new.py" in capsys.readouterr().out
