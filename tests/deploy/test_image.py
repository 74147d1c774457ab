"""The image's steps, played in a bare folder: the bot starts there as another user and writes only data."""

from __future__ import annotations

import ast
import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from config import DEFAULTS
from config_secrets import FILE_NAMES
from tests.deploy.image import ROOT, Image, is_sent, read_instructions
from tests.test_house import PROGRAM

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PATIENCE = 30


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Built below a folder that other users may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="dues-image-"))
    folder.chmod(0o755)
    built = Image(folder)
    built.play(DOCKERFILE)
    (folder / "token").write_text("token.for.tests\n")
    for path in (built.path("/dues"), *built.path("/dues").rglob("*")):
        if not path.is_symlink() and os.geteuid() != 0:  # for root's own other user it is read-only as it is
            path.chmod(path.stat().st_mode & ~0o222)
    yield built
    for path in (built.path("/dues"), *built.path("/dues").rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def as_user(image: Image) -> list[str]:
    """The words before a command that is to run as the image's user, who owns nothing here but the data.

    Where only root reaches the interpreter, that user may read everything; it still may not write."""
    if os.geteuid() != 0:
        return []
    uid, gid = image.user.split(":")
    command = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups"]
    folders = Path(sys.base_prefix).resolve(), Path(sys.executable).parent
    reached = all(
        folder.stat().st_mode & stat.S_IXOTH for start in folders for folder in (start, *start.parents)
    )
    caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return command if reached else [*command, *caps]


def run(image: Image, command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    called = [*as_user(image), *map(image.outside, command)]
    where = image.path(image.workdir)
    return subprocess.run(called, cwd=where, env=environ, capture_output=True, text=True, check=False)


@contextmanager
def running(image: Image, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    called = [*as_user(image), *map(image.outside, image.entrypoint)]
    where = image.path(image.workdir)
    pipe = subprocess.PIPE
    with subprocess.Popen(called, cwd=where, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def listens(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file below a folder."""
    found = ((path, path.lstat()) for path in folder.rglob("*"))
    return {str(path): (seen.st_size, seen.st_mtime_ns) for path, seen in found}


WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1], 'written').touch()"


def test_the_bot_starts_as_another_user_on_a_read_only_tree_and_is_found_healthy(image: Image) -> None:
    port = free_port()
    environ = image.environment() | {"HTTP_PORT": str(port), "DISCORD_API_URL": "http://127.0.0.1:9/api/v10"}
    environ["DISCORD_TOKEN_FILE"] = str(image.path("/").parent / "token")
    before = snapshot(image.path("/dues"))
    assert run(image, ["python", "-c", WRITE, "/dues"], environ).returncode == 1
    assert run(image, ["python", "-c", WRITE, "/data"], environ).returncode == 0
    assert run(image, image.healthcheck, environ).returncode == 1
    deadline = time.monotonic() + PATIENCE
    with running(image, environ) as bot:
        while not listens(port) and bot.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)  # a process that starts tells nobody but those who ask
        healthy = run(image, image.healthcheck, environ)
        bot.send_signal(signal.SIGTERM)
        _, log = bot.communicate(timeout=PATIENCE)
    assert healthy.returncode == 0, log
    assert bot.returncode == 0, log
    assert log.startswith('{"timestamp"')
    ledger = image.path("/data") / "ledger.db"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    assert ledger.stat().st_uid == (int(image.user.split(":")[0]) if os.geteuid() == 0 else os.geteuid())
    assert snapshot(image.path("/dues")) == before


def test_the_image_holds_the_whole_program_and_nothing_else(image: Image) -> None:
    held = {path.name for path in image.path("/dues").iterdir()} - {"__pycache__"}
    assert held == {*PROGRAM, "LICENSE", "pyproject.toml", "requirements.lock", "packages"}
    for name in ("tests", "sandbox", ".env", ".git/config", "data/ledger.db", "secrets/discord_token"):
        assert not is_sent(name, (ROOT / ".dockerignore").read_text("utf-8"))
    assert not list(image.path("/dues").glob("packages/pytest*"))


def test_everybody_may_read_the_program_and_it_is_compiled(image: Image) -> None:
    for path in image.path("/dues").rglob("*"):
        mode = path.stat().st_mode
        assert mode & 0o004, path
        assert not mode & 0o022, path
    sources = list(image.path("/dues").glob("[!p]*/**/*.py"))
    assert sources
    for source in sources:
        assert list(source.parent.glob(f"__pycache__/{source.stem}.*.pyc")), source


def test_the_image_runs_as_nobody_in_particular_with_its_data_apart(image: Image) -> None:
    assert [base.split(":")[0] for base in image.bases] == ["python", "python"]
    assert all("-slim-" in base for base in image.bases)
    assert image.user == "10001:10001"
    assert image.volume == "/data"
    assert stat.S_IMODE(image.path("/data").stat().st_mode) == 0o700
    assert image.entrypoint == ["python", "bot.py"]
    assert image.ports == [image.env["HTTP_PORT"]] == [DEFAULTS["HTTP_PORT"]]
    assert {name: image.env[name] for name in ("DATABASE_URL", "HTTP_HOST", "LOG_FORMAT")} == {
        "DATABASE_URL": "sqlite:////data/ledger.db",
        "HTTP_HOST": "0.0.0.0",
        "LOG_FORMAT": "json",
    }
    assert {name for name in image.env if not name.startswith("PYTHON")} <= {*DEFAULTS, *FILE_NAMES}


def test_the_health_check_needs_nothing_but_python_s_own_library() -> None:
    (check,) = [rest for word, rest in read_instructions(DOCKERFILE) if word == "HEALTHCHECK"]
    code = ast.parse(ast.literal_eval(check.partition(" CMD ")[2])[-1])
    named = {
        alias.name.split(".")[0]
        for node in ast.walk(code)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert named == {"http", "os", "sys"}
