"""The suite itself: browser tests are skipped loudly without a browser, and fail in the build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BROWSER_TEST = """
import pytest

@pytest.mark.browser
def test_the_page(chromium: str) -> None:
    assert chromium.endswith("chromium")

def test_without_a_page() -> None:
    pass
"""


def run_suite(folder: Path, **environ: str) -> tuple[int, str]:
    """A suite of two tests under this project's conftest, in a process that sees no PATH but `folder`."""
    (folder / "test_page.py").write_text(BROWSER_TEST)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "CHROMIUM"}}
    env = {**kept, "PATH": str(folder), "PYTHONPATH": str(ROOT), **environ}
    done = subprocess.run([*command, str(folder)], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_without_a_browser_only_its_tests_are_skipped_with_a_message(tmp_path: Path) -> None:
    code, output = run_suite(tmp_path)
    assert code == 0
    assert "1 passed, 1 skipped" in output
    assert "BROWSER TESTS SKIPPED" in output
    assert "that did not run: 1" in output


def test_in_the_build_a_missing_browser_is_a_failure(tmp_path: Path) -> None:
    code, output = run_suite(tmp_path, CI="true")
    assert code == 1
    assert "1 passed, 1 error" in output


@pytest.mark.parametrize("by_name", [True, False])
def test_browser_tests_run_if_a_browser_is_installed(tmp_path: Path, by_name: bool) -> None:
    browser = tmp_path / "elsewhere" / "chromium" if by_name else tmp_path / "chromium"
    browser.parent.mkdir(exist_ok=True)
    browser.touch(mode=0o755)
    code, output = run_suite(tmp_path, **({"CHROMIUM": str(browser)} if by_name else {}))
    assert code == 0
    assert "2 passed" in output
    assert "BROWSER TESTS SKIPPED" not in output
