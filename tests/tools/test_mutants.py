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


def test_there_are_many_each_of_its_own_name() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) > 60


@pytest.mark.parametrize("text", ["a * b", "a + b + (a + b)"])
def test_a_table_that_has_rotted_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="adding"):
        without(GUARD, text, Place(Path("program.py"), 0, 1))


def test_a_guard_is_found_by_the_function_that_it_stands_in(tree: Path) -> None:
    (tree / "folder").mkdir()
    (tree / "program.py").rename(tree / "folder" / "program.py")
    assert find_place(GUARD, find_places(tree)) == Place(Path("folder/program.py"), 0, 2)


def test_a_name_that_two_functions_have_is_told(tree: Path) -> None:
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
def test_a_test_that_notices_is_named_and_all_is_put_back(tree: Path) -> None:
    assert try_without(GUARD, tree).noticed == "test_program.py::test_adding"
    assert "a + b" in (tree / "program.py").read_text()


@pytest.mark.slow
def test_a_program_that_cannot_be_read_shows_nothing(tree: Path) -> None:
    assert try_without(replace(GUARD, new="a +"), tree).noticed is None


@pytest.mark.slow
def test_tests_that_never_end_show_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "LONGEST", 1)
    assert try_without(replace(GUARD, new="a", tests=("test_endless.py",)), tree).noticed is None


@pytest.mark.slow
@pytest.mark.parametrize(("second", "shown"), [("test_program.py", True), ("test_nothing.py", False)])
def test_all_must_be_noticed(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], second: str, shown: bool
) -> None:
    monkeypatch.setattr(mutants, "ROOT", tree)
    monkeypatch.setattr(mutants, "load_guards", lambda: [GUARD, replace(GUARD, name="more", tests=(second,))])
    assert (mutants.main() is not None) is shown
    assert f"{1 + shown} noticed" in capsys.readouterr().out


@pytest.mark.slow
def test_what_fails_with_every_guard_in_its_place_shows_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "test_program.py").write_text("def test_adding():\n    assert False\n")
    monkeypatch.setattr(mutants, "ROOT", tree)
    monkeypatch.setattr(mutants, "load_guards", lambda: [GUARD])
    assert mutants.main() is None
