"""The table of sizes counts what its heads say."""

from __future__ import annotations

from pathlib import Path

from tools.measure import load_area

MODULE = '''"""Two lines
of it."""

# a comment
import os


def public(items: list[int]) -> int:
    """Documented."""
    return sum(n for n in items if n and n > 1 or n < 0)


def bare() -> None:
    _once()


@decorated
def _once() -> None:
    if os:  # not a line of its own
        return
    _twice()
    _twice()


def _twice() -> None: ...
'''


def test_each_cell_of_the_table_counts_what_its_head_says(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "module.py").write_text(MODULE)
    (tmp_path / "folder" / "__init__.py").touch()
    (tmp_path / "top.py").write_text("x = 1\n")
    (tmp_path / "folder" / "notes.md").write_text("# no code\n")
    lines, functions, lengths, branching, files, once, documented, explained = load_area(
        tmp_path, ("*.py", "folder", "missing")
    ).row()
    assert (lines, functions) == ("26", "4")
    assert lengths == "3 / 5 / 5 / 5"
    assert branching == "4 / 4"  # one, the comprehension, `and`, `or`
    assert files == "25 / 25 / 25"
    assert once == "25% (0 of 1 with 3 lines or fewer)"
    assert (documented, explained) == ("50%", "15.4%")
