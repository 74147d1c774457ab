"""Taking guards away: a test that noticed is told from one that did not.

That the table of guards fits the program is looked after by tests/test_house.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools import mutants
from tools.mutants import Guard, Place, find_place, find_places, load_guards, try_without, without

GUARDS = load_guards()
GUARD = Guard("adding", 1, "program.add", "a + b", "a - b", ("test_program.py",))


def test_guards_are_many_and_have_distinct_names() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) > 60


@pytest.mark.parametrize("text", ["a * b", "a + b + (a + b)"])
def test_a_guard_whose_text_is_gone_is_reported(text: str) -> None:
    with pytest.raises(ValueError, match="adding"):
        without(GUARD, text, Place(Path("program.py"), 0, 1))


def test_a_guard_is_found_by_the_function_that_holds_it(tree: Path) -> None:
    (tree / "folder").mkdir()
    (tree / "program.py").rename(tree / "folder" / "program.py")
    assert find_place(GUARD, find_places(tree)) == Place(Path("folder/program.py"), 0, 2)


def test_a_guard_in_a_function_name_that_occurs_twice_is_reported(tree: Path) -> None:
    (tree / "folder").mkdir()
    (tree / "folder" / "program.py").write_text("def add(a, b): ...\n")
    with pytest.raises(ValueError, match="2 definitions"):
        find_place(GUARD, find_places(tree))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program of one line, and its test."""
    (tmp_path / "program.py").write_text("def add(a, b):\n    return a + b\n")
    test = "import program\n\ndef test_adding():\n    assert program.add(1, 2) == 3\n"
    (tmp_path / "test_program.py").write_text(test)
    (tmp_path / "test_nothing.py").write_text("import program\n\ndef test_nothing():\n    assert program\n")
    (tmp_path / "test_endless.py").write_text(
        "import program\n\ndef test_it():\n    while program.add(1, 1): pass\n"
    )
    return tmp_path


@pytest.mark.slow
def test_a_noticing_test_is_named_and_the_source_is_restored(tree: Path) -> None:
    assert try_without(GUARD, tree).noticed == "test_program.py::test_adding"
    assert "a + b" in (tree / "program.py").read_text()


@pytest.mark.slow
def test_a_mutant_with_a_syntax_error_proves_nothing(tree: Path) -> None:
    assert try_without(replace(GUARD, new="a +"), tree).noticed is None


@pytest.mark.slow
def test_tests_that_never_end_prove_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "LONGEST", 1)
    assert try_without(replace(GUARD, new="a", tests=("test_endless.py",)), tree).noticed is None


@pytest.mark.slow
@pytest.mark.parametrize(("second", "shown"), [("test_program.py", True), ("test_nothing.py", False)])
def test_the_run_fails_unless_every_guard_is_noticed(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], second: str, shown: bool
) -> None:
    monkeypatch.setattr(mutants, "ROOT", tree)
    monkeypatch.setattr(mutants, "load_guards", lambda: [GUARD, replace(GUARD, name="more", tests=(second,))])
    assert (mutants.main() is not None) is shown
    assert f"{1 + shown} noticed" in capsys.readouterr().out


@pytest.mark.slow
def test_a_test_that_fails_with_all_guards_in_place_proves_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "test_program.py").write_text("def test_adding():\n    assert False\n")
    monkeypatch.setattr(mutants, "ROOT", tree)
    monkeypatch.setattr(mutants, "load_guards", lambda: [GUARD])
    assert mutants.main() is None
