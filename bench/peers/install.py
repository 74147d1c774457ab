"""Installs each peer below build/, from a list with versions and hashes. Dues itself needs none of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import BUILD

HERE = Path(__file__).parent
PLACE = BUILD / "peers"
WHEELS = HERE / "dj_stripe" / "requirements.txt"
PACKAGES = (HERE / "express" / "package.json", HERE / "express" / "package-lock.json")
QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


@dataclass(frozen=True)
class Peer:
    """An installed peer. `command` serves it, given the path of its database and the webhook secret."""

    label: str
    command: tuple[str, ...]
    stored: str  # SQL: how many events are in its database


class Missing(Exception):  # noqa: N818 - something is missing
    """Raised when a peer cannot be installed; the message says why, and what to do."""


def dj_stripe() -> Peer:
    """Install dj-stripe into a virtual environment of its own."""
    folder = PLACE / "dj_stripe"
    python = str(folder / "bin" / "python")
    wanted = f"{sys.version}\n{WHEELS.read_text()}"
    if not _is_there(folder, wanted):
        _say("Installing dj-stripe ...")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += ["--require-hashes", "--only-binary", ":all:", "-r", str(WHEELS)]
        if not (_done([sys.executable, "-m", "venv", "--clear", str(folder)]) and _done(pip)):
            raise Missing(
                "dj-stripe is left out: pip could not install it and said why above. "
                "See that pip reaches its package index, then run make bench-peers again."
            )
        _keep(folder, wanted)
    listed = dict(re.findall(r"^(\S+)==(\S+)", WHEELS.read_text(), re.MULTILINE))
    label = f"dj-stripe {listed['dj-stripe']} under waitress {listed['waitress']}"
    stored = "SELECT count(*) FROM djstripe_webhookeventtrigger WHERE valid"
    return Peer(label, (python, "-m", "bench.peers.dj_stripe"), stored)


def express() -> Peer:
    """Install a Node server's npm packages, with better-sqlite3 built from source."""
    folder = PLACE / "express"
    node, npm = _tool("node"), _tool("npm")
    version = _asked(node, "process.versions.node")
    wanted = f"{version}\n{PACKAGES[1].read_text()}"
    if not _is_there(folder, wanted):
        for built_with in ("make", "c++"):
            _tool(built_with)
        headers = _headers(node)
        _say("Installing Express and building better-sqlite3, a minute or two ...")
        if not _install_express(npm, folder, headers):
            raise Missing(
                "Express is left out: npm could not install it and said why above. "
                "See that npm reaches its registry, then run make bench-peers again."
            )
        _keep(folder, wanted)
    listed = json.loads(PACKAGES[0].read_text())["dependencies"]
    label = f"Express {listed['express']} with better-sqlite3 {listed['better-sqlite3']} on Node {version}"
    command = (node, str(HERE / "express" / "server.js"), str(folder))
    return Peer(label, command, "SELECT count(*) FROM events")


def _install_express(npm: str, folder: Path, headers: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for listed in PACKAGES:
        shutil.copy(listed, folder)
    # Only this package runs an install script, and it fetches no binary that was built elsewhere.
    build = {"npm_config_build_from_source": "true", "npm_config_nodedir": str(headers)}
    build["npm_config_python"] = sys.executable
    return _done([npm, "ci", "--ignore-scripts", "--engine-strict", *QUIET], folder) and _done(
        [npm, "rebuild", "better-sqlite3", *QUIET], folder, build
    )


def _headers(node: str) -> Path:
    prefix = Path(_asked(node, "process.execPath")).resolve().parents[1]
    if not (prefix / "include" / "node" / "node_version.h").is_file():
        raise Missing(
            f"Express is left out: Node's headers are not in {prefix / 'include' / 'node'}. Install them "
            "(on Debian and Ubuntu: apt-get install libnode-dev), then run make bench-peers again."
        )
    return prefix


def _asked(node: str, expression: str) -> str:
    asked = subprocess.run([node, "-p", expression], check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def _tool(name: str) -> str:
    if (found := shutil.which(name)) is None:
        raise Missing(
            f"Express is left out: there is no {name} on the PATH. It needs Node.js 20 or newer with npm, "
            "make and a C++ compiler (on Debian and Ubuntu: nodejs, npm, libnode-dev, make and g++). "
            "Install what is missing, then run make bench-peers again."
        )
    return found


def _done(command: Sequence[str], folder: Path = HERE, environ: Mapping[str, str] | None = None) -> bool:
    """Run a command; return True if it succeeded.

    The command's output goes to stderr, because stdout is reserved for the table.
    """
    run = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environ or {})}, stdout=sys.stderr.fileno(), check=False
    )
    return run.returncode == 0


def _is_there(folder: Path, wanted: str) -> bool:
    kept = folder / "installed"
    return kept.is_file() and kept.read_text() == wanted


def _keep(folder: Path, wanted: str) -> None:
    (folder / "installed").write_text(wanted)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
