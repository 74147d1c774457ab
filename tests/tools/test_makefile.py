"""`make install` keeps a .venv for as long as its interpreter is the one that it was made with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Makes "environments" of itself and notes what is installed. A file holds its version, as on a host whose
# Python is replaced.
PYTHON = """#!/bin/sh
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip "*) echo "$*" >> installed ;;
    *realpath*) cat version ;;
    --version) echo "Python" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A clone with a host's Python."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "version").write_text("3.12.1 /usr/bin/python3.12\n")
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def install(home: Path) -> str:
    """The output of `make install`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "install", "PYTHON=./python"]
    done = subprocess.run(command, cwd=home, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_install_makes_the_environment_once(home: Path) -> None:
    said = install(home)
    assert "Making .venv" in said
    assert "Installing" in said
    assert (home / ".venv" / ".interpreter").read_text() == "3.12.1 /usr/bin/python3.12\n"
    assert "Making" not in install(home)
    assert len((home / "installed").read_text().splitlines()) == 1


@pytest.mark.parametrize("now", ["3.13.0 /usr/bin/python3.13", "3.12.1 /opt/bin/python3.12"])
def test_make_install_rebuilds_the_environment_for_another_interpreter(home: Path, now: str) -> None:
    install(home)
    (home / ".venv" / "of-the-old-one").touch()
    (home / "version").write_text(f"{now}\n")
    assert "Making .venv" in install(home)
    assert not (home / ".venv" / "of-the-old-one").exists()
    assert "Making" not in install(home)
    assert len((home / "installed").read_text().splitlines()) == 2


@pytest.mark.parametrize("gone", [True, False])
def test_make_install_rebuilds_an_environment_whose_interpreter_does_not_start(
    home: Path, gone: bool
) -> None:
    install(home)
    python = home / ".venv" / "bin" / "python"
    python.unlink()
    if not gone:
        python.symlink_to("/nowhere/python3.11")
    assert "Making .venv" in install(home)
    assert "Making" not in install(home)


def test_make_install_rebuilds_an_environment_without_a_noted_interpreter(home: Path) -> None:
    install(home)
    (home / ".venv" / ".interpreter").unlink()
    assert "Making .venv" in install(home)


def test_make_install_only_reinstalls_packages_if_the_lock_changed(home: Path) -> None:
    install(home)
    lock = home / "requirements.lock"
    later = (home / ".venv" / ".runtime").stat().st_mtime + 10
    os.utime(lock, (later, later))
    said = install(home)
    assert "Installing" in said
    assert "Making" not in said
