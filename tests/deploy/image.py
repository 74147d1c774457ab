"""Plays the Dockerfile's steps in a bare folder, where no container can be run.

Each stage is a folder that stands for its file system. COPY and RUN are carried out; the packages come
from the environment that runs the tests, those that the lock names and no others, without a download.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
INSTALL = "python -m pip install "
LOCKED = ("--require-hashes", "--only-binary :all:", "--no-compile")


def read_instructions(dockerfile: str) -> list[tuple[str, str]]:
    """The words of a Dockerfile with what follows each; one line each, as ours has no continued lines."""
    lines = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    assert not [line for line in lines if line.endswith("\\") or line.startswith(" ")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def is_sent(name: str, dockerignore: str) -> bool:
    """Whether .dockerignore lets a file of the checkout reach the builder."""
    sent = True
    for rule in dockerignore.splitlines():
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = name.split("/")
        prefixes = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        names = parts if rule.startswith("**/") else prefixes
        if any(fnmatch.fnmatchcase(one, pattern) for one in names if "/" in pattern or "/" not in one):
            sent = rule.startswith("!")
    return sent


def pinned(lock: Path) -> dict[NormalizedName, Requirement]:
    """The packages that a lock names for this machine, each with its only version."""
    lines = re.findall(r"^[a-z0-9][^\\\n]*==[^\\\n]*", lock.read_text("utf-8"), re.MULTILINE)
    found = [Requirement(line.strip()) for line in lines]
    here = [one for one in found if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): one for one in here}


def install(lock: Path, target: Path) -> None:
    """Copy every package of the lock from the environment of the tests, at the very version."""
    wanted = pinned(lock)
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}
    for name, requirement in wanted.items():
        assert requirement.specifier.contains(installed[name].version), name
        for top in _tops(installed[name]):
            source, copy = Path(str(installed[name].locate_file(top))), target / top
            if source.is_dir():
                shutil.copytree(source, copy, dirs_exist_ok=True)
            else:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy)


def _tops(distribution: Distribution) -> set[str]:
    """The folders and files that it put directly into site-packages; scripts lie elsewhere."""
    return {file.parts[0] for file in distribution.files or [] if file.parts[0] not in {"..", "__pycache__"}}


class Image:
    """The last stage of a Dockerfile, played: its file system is the folder `root`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stages: dict[str, Path] = {}
        self._args: dict[str, str] = {}
        self.bases: list[str] = []
        self.env: dict[str, str] = {}
        self.ports: list[str] = []
        self.entrypoint: list[str] = []
        self.healthcheck: list[str] = []
        self.user = self.volume = ""
        self.workdir = "/"
        self._dockerignore = (ROOT / ".dockerignore").read_text("utf-8")
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)

    def play(self, dockerfile: str) -> None:
        """Carry out every instruction; AssertionError or KeyError for one that is not known here."""
        known: dict[str, Callable[[str], None]] = {
            "ARG": self._arg,
            "FROM": self._from,
            "WORKDIR": self._workdir,
            "COPY": self._copy,
            "RUN": self._run,
            "ENV": self._env,
            "USER": lambda rest: setattr(self, "user", rest),
            "VOLUME": lambda rest: setattr(self, "volume", rest),
            "EXPOSE": self.ports.append,
            "HEALTHCHECK": lambda rest: self.healthcheck.extend(json.loads(rest.partition(" CMD ")[2])),
            "ENTRYPOINT": lambda rest: self.entrypoint.extend(json.loads(rest)),
        }
        for word, rest in read_instructions(dockerfile):
            known[word](rest)

    def path(self, inside: str) -> Path:
        """Where a path of the image lies on this machine."""
        return self.root / inside.lstrip("/")

    def outside(self, text: str) -> str:
        """A setting or a command, its paths in the image replaced by those on this machine."""
        return re.sub(r"(?<![\w./])/(dues|data)\b|(?<=sqlite:///)/data\b", self._outside, text)

    def _outside(self, found: re.Match[str]) -> str:
        return str(self.path(found[0]))

    def environment(self) -> dict[str, str]:
        """Of a process in the image."""
        given = {name: self.outside(value) for name, value in self.env.items()}
        return {"PATH": f"{self._folder / 'bin'}:/usr/bin:/bin", **given}

    def _arg(self, rest: str) -> None:
        name, _, value = rest.partition("=")
        self._args[name] = value

    def _from(self, rest: str) -> None:
        base, _, name = rest.partition(" AS ")
        self.bases.append(re.sub(r"\$\{(\w+)\}", lambda found: self._args[found[1]], base))
        self.root = self._stages[name] = self._folder / f"stage-{len(self._stages)}"
        self.root.mkdir()
        self.env, self.workdir = {}, "/"

    def _workdir(self, rest: str) -> None:
        self.workdir = rest
        self.path(rest).mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        self.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        stage = self._stages[sources.pop(0).removeprefix("--from=")] if rest.startswith("--from=") else None
        into = self.path(target if target.startswith("/") else f"{self.workdir}/{target}")
        if stage is None:
            sources = [found.name for name in sources for found in sorted(ROOT.glob(name))]
        for name in sources:
            source = ROOT / name if stage is None else stage / name.lstrip("/")
            if source.is_dir():
                shutil.copytree(source, into, dirs_exist_ok=True, ignore=None if stage else self._ignored)
            else:
                assert stage or is_sent(name, self._dockerignore), name
                shutil.copy2(source, into / source.name)

    def _ignored(self, folder: str, names: list[str]) -> list[str]:
        """Files below `folder` that .dockerignore keeps from the builder."""
        beside = Path(folder).relative_to(ROOT)
        return [name for name in names if not is_sent((beside / name).as_posix(), self._dockerignore)]

    def _run(self, rest: str) -> None:
        if rest.startswith(INSTALL):
            assert [option for option in LOCKED if option not in rest] == []
            words = shlex.split(rest)
            target, lock = (words[words.index(name) + 1] for name in ("--target", "--requirement"))
            install(self.path(f"{self.workdir}/{lock}"), self.path(f"{self.workdir}/{target}"))
            return
        script = self.outside(rest)
        if os.geteuid() != 0:  # only root may give a folder away
            script = re.sub(r" -[og] \d+", "", script)
        where = self.path(self.workdir)
        subprocess.run(["sh", "-ec", script], cwd=where, env=self.environment(), check=True)
