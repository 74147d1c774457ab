"""`python bot.py` by a Python that is too old, or that has not the packages."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.app.program_process import ROOT

OLD = "import runpy, sys; sys.version_info = (3, 9); runpy.run_path('bot.py', run_name='__main__')"


@pytest.mark.parametrize("name", ["bot.py", "terminal.py"])
def test_an_older_python_says_which_version_is_needed(name: str) -> None:
    ast.parse((ROOT / name).read_text(), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["-c", OLD], "needs Python 3.11"), (["-S", "bot.py"], "package certifi is missing")],
    ids=["old", "without packages"],
)
def test_a_missing_package_is_reported_without_a_traceback(arguments: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
