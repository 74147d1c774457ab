"""`python bot.py` by a Python that is too old, or that has not the packages."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.app.program_process import ROOT

OLD = "import runpy, sys; sys.version_info = (3, 9); runpy.run_path('bot.py', run_name='__main__')"


@pytest.mark.parametrize("name", ["bot.py", "terminal.py"])
def test_an_older_python_can_read_far_enough_to_say_so(name: str) -> None:
    ast.parse((ROOT / name).read_text(), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["-c", OLD], "needs Python 3.11"), (["-S", "bot.py"], "package certifi is missing")],
    ids=["old", "without packages"],
)
def test_what_is_missing_is_a_sentence_and_no_trace(arguments: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
