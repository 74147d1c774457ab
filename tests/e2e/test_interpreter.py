"""`python bot.py` by a Python that is too old or lacks the packages, and the version that it tells."""

from __future__ import annotations

import ast
import json
import logging
import platform
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from billing.model.translatable_text import Text
from config import Settings
from db.sqlite.schema import load_migrations
from i18n.plain import plain_words
from logs import JsonFormatter, TextFormatter
from runtime import build_info, log_start
from tests.forks import ROOT

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


def test_the_version_is_told_without_any_setting(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "bot.py"), "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    schema, python = len(load_migrations()), platform.python_version()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Dues {version}, ledger schema {schema}, Python {python}\n"
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_a_start_begins_with_the_version_and_warns_of_misspelt_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = Settings.from_env({"DISCORD_TOKEN": "token"})
    with caplog.at_level(logging.INFO, "dues"):
        log_start(replace(settings, misspelt=(Text("setting.secret_key", bytes=32),)))
    start, warning = caplog.records
    told = TextFormatter().format(start)
    assert "INFO    dues: Starting Dues version=" in told
    assert all(f"{name}={value}" in told for name, value in build_info().items())
    assert json.loads(JsonFormatter().format(start))["version"] == build_info()["version"]
    assert (warning.levelname, warning.getMessage()) == (
        "WARNING",
        plain_words(Text("setting.secret_key", bytes=32)),
    )
