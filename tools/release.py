"""Builds a release's files in build/release: `python -m tools.release`.

The files are the tarball of the committed tree, the list of its packages as a CycloneDX SBOM, and SHA256SUMS.
The same commit gives the same bytes. CONTRIBUTING.md describes the whole procedure.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
import tomllib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
HEADING = re.compile(r"^## (\d+\.\d+\.\d+), (\d{4}-\d\d-\d\d)$", re.MULTILINE)
_PINNED = re.compile(r"([a-z0-9][a-z0-9.-]*)==(\S+)")
_ITSELF = "dues"


class NotReady(Exception):  # noqa: N818 - named by what happened
    """Raised when the tree cannot be released; the message says why."""


@dataclass(frozen=True)
class Package:
    """A package in the lock file.

    `needed_by`: the packages that require it; "dues" is the program itself.
    """

    name: str
    version: str
    needed_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package's address in package-url form, which names the kind of registry but no host."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Package]:
    """Parse the packages of a lock file, in the file's order."""
    found = []
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE):
        if pinned := _PINNED.match(block):
            parents = re.findall(r"^    # (?:via |  )(?!-c )(\S+)", block, re.MULTILINE)
            found.append(Package(pinned[1], pinned[2], tuple(parents)))
    return found


def make_sbom(version: str, lock: str, at: int) -> dict[str, Any]:
    """Return a CycloneDX document that lists the program and its locked packages.

    `at`: the commit's time in unix seconds.
    """
    packages = read_lock(lock)
    purls = {package.name: package.purl for package in packages} | {_ITSELF: f"{_ITSELF}@{version}"}
    needs: dict[str, list[str]] = {purl: [] for purl in purls.values()}
    for package in packages:
        for parent in package.needed_by:
            needs[purls[parent]].append(package.purl)
    digest = hashlib.sha256(lock.encode()).hexdigest()
    program = {"type": "application", "bom-ref": purls[_ITSELF], "name": _ITSELF, "version": version}
    licence = {"licenses": [{"license": {"id": "MIT"}}]}
    locked = {
        "type": "file",
        "bom-ref": LOCK,
        "name": LOCK,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{version} {digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": program | licence,
        },
        # The lock holds the hashes of every file of every package.
        "components": [*(_component(package) for package in packages), locked],
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in needs.items()],
    }


def _component(package: Package) -> dict[str, str]:
    ref = {"bom-ref": package.purl, "purl": package.purl}
    return {"type": "library", **ref, "name": package.name, "version": package.version}


def git(*arguments: str, root: Path = ROOT) -> bytes:
    """Run git in the project's folder and return its output."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True).stdout


def check_ready(root: Path = ROOT) -> str:
    """Return the version that is ready for release.

    Raises NotReady if the changelog, compose.yaml or a tag names another version, or if something is not
    committed.
    """
    version = str(tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"])
    newest = HEADING.search((root / "CHANGELOG.md").read_text("utf-8"))
    if newest is None or newest[1] != version:
        raise NotReady(f"CHANGELOG.md has no section '## {version}, YYYY-MM-DD' as its newest release.")
    if f"image: dues:{version}\n" not in (root / "compose.yaml").read_text("utf-8"):
        raise NotReady(f"compose.yaml names another version than {version}.")
    if git("status", "--porcelain", root=root):
        raise NotReady("Commit or remove what `git status` lists.")
    tag = f"v{version}"
    if git("tag", "--list", tag, root=root) and git("rev-list", "-1", tag, root=root) != git(
        "rev-list", "-1", "HEAD", root=root
    ):
        raise NotReady(f"The tag {tag} is on another commit.")
    return version


def make_release(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write the release's files into a folder and return their paths."""
    version = check_ready(root)
    at = int(git("log", "-1", "--format=%ct", root=root))
    name = f"dues-{version}"
    packed = gzip.compress(git("archive", f"--prefix={name}/", "HEAD", root=root), mtime=0)
    sbom = make_sbom(version, (root / LOCK).read_text("utf-8"), at)
    files = {f"{name}.tar.gz": packed, f"{name}.cdx.json": f"{json.dumps(sbom, indent=2)}\n".encode()}
    sums = [f"{hashlib.sha256(content).hexdigest()}  {file}\n" for file, content in files.items()]
    files["SHA256SUMS"] = "".join(sums).encode()
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in files]


if __name__ == "__main__":
    try:
        print(*make_release(ROOT / "build" / "release"), sep="\n")
    except NotReady as reason:
        sys.exit(f"Not ready for a release: {reason}")
