"""`make release`: the same commit gives the same files, and a version that is not everywhere is refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_house import PYPROJECT, RUNTIME
from tools.release import HEADING, LOCK, ROOT, NotReady, make_release, make_sbom, read_lock

VERSION = PYPROJECT["project"]["version"]
TEXT = (ROOT / LOCK).read_text("utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    **{f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    **{f"GIT_{who}_DATE": "1790000000 +0000" for who in ("AUTHOR", "COMMITTER")},
}


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false", *arguments]
    subprocess.run(command, cwd=folder, env=ENVIRON, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project that is ready for a release, in a repository of its own."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (root / "CHANGELOG.md").write_text("## Not yet released\n\n## 1.2.3, 2026-12-01\n")
    (root / "compose.yaml").write_text("    image: dues:1.2.3\n")
    (root / LOCK).write_text(TEXT)
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "all")
    return root


def test_the_same_commit_gives_the_same_files_whose_hashes_are_right(tmp_path: Path, tree: Path) -> None:
    made = make_release(tmp_path / "one", tree)
    assert [path.name for path in made] == ["dues-1.2.3.tar.gz", "dues-1.2.3.cdx.json", "SHA256SUMS"]
    again = make_release(tmp_path / "two", tree)
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]
    sums = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", made[2].read_text(), re.MULTILINE))
    assert sums == {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in made[:2]}
    with tarfile.open(made[0]) as packed:
        assert f"dues-1.2.3/{LOCK}" in packed.getnames()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("CHANGELOG.md", "## Not yet released\n", "CHANGELOG.md"),
        ("CHANGELOG.md", "## 1.2.4, 2026-12-01\n## 1.2.3, 2026-11-01\n", "CHANGELOG.md"),
        ("compose.yaml", "    image: dues:1.2.2\n", "compose.yaml"),
    ],
)
def test_a_version_that_is_not_everywhere_is_refused(
    tmp_path: Path, tree: Path, file: str, content: str, said: str
) -> None:
    (tree / file).write_text(content)
    git(tree, "commit", "-a", "-m", "another")
    with pytest.raises(NotReady, match=said):
        make_release(tmp_path / "out", tree)


def test_what_is_not_committed_and_a_tag_on_another_commit_are_refused(tmp_path: Path, tree: Path) -> None:
    git(tree, "tag", "v1.2.3")
    make_release(tmp_path / "out", tree)
    (tree / "new").touch()
    with pytest.raises(NotReady, match="git status"):
        make_release(tmp_path / "out", tree)
    git(tree, "add", ".")
    git(tree, "commit", "-m", "new")
    with pytest.raises(NotReady, match=r"v1\.2\.3"):
        make_release(tmp_path / "out", tree)


def test_the_list_of_packages_holds_the_lock_and_which_needs_which() -> None:
    sbom = make_sbom(VERSION, TEXT, 1_790_000_000)
    json.dumps(sbom)
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", TEXT, re.MULTILINE))
    libraries = {one["name"]: one["version"] for one in sbom["components"] if one["type"] == "library"}
    assert libraries == pinned
    needs = {one["ref"]: one["dependsOn"] for one in sbom["dependencies"]}
    assert set(needs[f"dues@{VERSION}"]) == {f"pkg:pypi/{name}@{pinned[name]}" for name in RUNTIME}
    assert set(needs) == {f"dues@{VERSION}", *(one["purl"] for one in sbom["components"] if "purl" in one)}
    assert all(on in needs for several in needs.values() for on in several)
    assert sbom["metadata"]["timestamp"] == "2026-09-21T14:13:20Z"


def test_the_list_says_of_a_package_what_the_package_says_itself() -> None:
    parents = {package.name: set(package.needed_by) for package in read_lock(TEXT)}
    for line in requires("aiohttp") or []:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            assert "aiohttp" in parents[canonicalize_name(wanted.name)]


def test_the_changelog_s_newest_release_is_the_program_s_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = HEADING.search(changes)
    assert newest
    assert newest[1] == VERSION
    assert changes[newest.end() :].partition("\n## ")[0].find("### Needs your hand") > 0


def test_the_workflow_uses_pinned_actions_and_makes_what_the_documents_name() -> None:
    assert all(
        re.fullmatch(r"\S+@[0-9a-f]{40} # v[\d.]+", used) for used in re.findall(r"uses: (.+)", WORKFLOW)
    )
    ci = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert set(re.findall(r"uses: (.+)", WORKFLOW)) <= set(re.findall(r"uses: (.+)", ci))
    assert "run: make release\n" in WORKFLOW
    assert {"amd64", "arm64"} == set(re.findall(r"processor: (\w+)", WORKFLOW))
