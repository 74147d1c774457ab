"""The walls of the house: who imports whom, how long things grow, what no file may say, and its guards."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.mutants import Guard, find_place, find_places, load_guards, without

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PYPROJECT["tool"]["importlinter"]["root_packages"]
CORE, EDGES = "billing", ("cogs", "db", "i18n", "providers", "web")
ROOT_MODULES = (
    "backups.py",
    "bot.py",
    "check.py",
    "clock.py",
    "config.py",
    "config_addresses.py",
    "config_misspellings.py",
    "config_secrets.py",
    "env_file.py",
    "file_commands.py",
    "logs.py",
    "receipt_signing.py",
    "runtime.py",
    "setup_answers.py",
    "setup_webhooks.py",
    "setup_wizard.py",
    "terminal.py",
    "terminal_texts.py",
)
PROGRAM = (CORE, *EDGES, *ROOT_MODULES)
# Files that other programs write.
GENERATED = {"requirements.lock", "requirements-sandbox.lock", "requirements-dev.lock"}
CODE = {".py", ".sql", ".js", ".css", ".html"}


def files() -> Iterator[Path]:
    """Every text file of the project, hidden folders but .ci left out."""
    for folder, folders, names in os.walk(ROOT):
        kept = [name for name in folders if name not in {"__pycache__", "build", "data"}]
        folders[:] = sorted(name for name in kept if name == ".ci" or not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith(".env"))


def texts() -> Iterator[tuple[str, str]]:
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:  # pictures and the like
            yield path.relative_to(ROOT).as_posix(), content.decode()


def trees(*tops: str) -> Iterator[tuple[str, ast.Module]]:
    """Every Python file, or those of the given folders and modules, parsed."""
    for name, text in texts():
        if name.endswith(".py") and (not tops or name.split("/")[0] in tops):
            yield name, ast.parse(text)


def imports(tree: ast.Module) -> set[str]:
    """The top-level names of all that a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over a tree, with the project's own contracts."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    command += ["--config", str(ROOT / "pyproject.toml")]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_every_import_contract_holds() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def model_house(tmp_path: Path) -> Path:
    """A tree of the same packages in which everything is where it belongs."""
    for package in (*PACKAGES, "providers/stripe", "billing/ports", "billing/rules", "billing/use_cases"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "db" / "good.py").write_text("import aiosqlite, sqlite3\nimport billing\n")
    (tmp_path / "cogs" / "good.py").write_text("import discord\nimport billing\n")
    (tmp_path / "providers" / "stripe" / "good.py").write_text("import stripe\nimport billing\n")
    (tmp_path / "tests" / "good.py").write_text("import bot, config, sandbox\nimport tools\n")
    return tmp_path


def test_a_tree_without_breaches_passes_every_import_contract(model_house: Path) -> None:
    done = lint_imports(model_house)
    assert done.returncode == 0, done.stdout + done.stderr


BREACHES = [
    ("cogs", "db", "edges"),
    ("db", "providers", "edges"),
    ("providers", "web", "edges"),
    ("web", "cogs", "edges"),
    ("billing", "cogs", "rules"),
    ("billing", "discord", "rules"),
    ("billing", "sqlite3", "rules"),
    ("billing", "stripe", "rules"),
    ("db", "bot", "program"),
    ("cogs", "config", "program"),
    ("web", "sandbox", "program"),
    ("providers", "tests", "program"),
    ("providers", "bench", "program"),
    ("sandbox", "tests", "sandbox"),
    ("sandbox", "bench", "sandbox"),
    ("standins", "billing", "stand-ins"),
    ("standins", "sandbox", "stand-ins"),
    ("i18n", "cogs", "catalogue"),
    ("billing", "i18n", "rules"),
    ("cogs", "aiosqlite", "SQL"),
    ("web", "sqlite3", "SQL"),
    ("web", "discord", "discord.py"),
    ("db", "discord", "discord.py"),
    ("cogs", "stripe", "stripe package"),
    ("web", "stripe", "stripe package"),
]


def test_each_breach_of_an_import_contract_is_found(model_house: Path) -> None:
    for number, (importer, imported, _) in enumerate(BREACHES):
        (model_house / importer / f"breach_{number}.py").write_text(f"import {imported}\n")
    done = lint_imports(model_house)
    assert done.returncode == 1
    for number, (importer, imported, wall) in enumerate(BREACHES):
        assert f"{importer}.breach_{number} -> {imported}" in done.stdout.replace("\n", " "), wall


def test_a_circular_import_is_found(model_house: Path) -> None:
    (model_house / "web" / "one.py").write_text("import web.other\n")
    (model_house / "web" / "other.py").write_text("import web.one\n")
    done = lint_imports(model_house)
    assert done.returncode == 1
    assert "No cycles are allowed in web" in done.stdout


def test_billing_imports_only_itself_and_the_standard_library() -> None:
    pure = (sys.stdlib_module_names - {"sqlite3"}) | {CORE}
    outside = {name: imports(tree) - pure for name, tree in trees(CORE)}
    assert outside
    assert not {name: found for name, found in outside.items() if found}


def test_the_settings_know_no_part_of_the_program_but_its_texts() -> None:
    for _, tree in trees("config.py", "config_secrets.py"):
        assert imports(tree) & {*PACKAGES, "bot", "check", "logs"} == {CORE}
        known = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name for name in known if name and name.startswith(CORE)} == {
            "billing.model.translatable_text"
        }


def test_the_root_modules_stay_small() -> None:
    assert len((ROOT / "bot.py").read_text().splitlines()) <= 150


def test_files_stay_under_400_lines() -> None:
    lengths = {name: text.count("\n") for name, text in texts() if Path(name).suffix in CODE}
    assert not {name: length for name, length in lengths.items() if length >= 400}


def function_lengths(*tops: str) -> list[int]:
    """Lines of each function, without its docstring, ascending."""
    found: list[int] = []
    for _, tree in trees(*tops):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                doc = node.body[0] if ast.get_docstring(node, clean=False) else None
                said = doc.end_lineno - doc.lineno + 1 if doc and doc.end_lineno else 0
                found.append(node.end_lineno - node.lineno + 1 - said)
    return sorted(found)


@pytest.mark.parametrize("tops", [PROGRAM, ("sandbox",)], ids=["program", "sandbox"])
def test_functions_are_short(tops: tuple[str, ...]) -> None:
    lengths = function_lengths(*tops)
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[len(lengths) * 9 // 10] < 35


def mutants() -> Iterator[tuple[Guard, str]]:
    """Each guarded file without its guard; ValueError if the table of tools/guards.toml has rotted."""
    places = find_places(ROOT)
    for guard in load_guards():
        place = find_place(guard, places)
        yield guard, without(guard, (ROOT / place.file).read_text("utf-8"), place)


def test_each_guard_stands_in_the_function_that_its_table_names() -> None:
    for guard, text in mutants():
        if not guard.within.endswith(".sql"):
            ast.parse(text)
        else:
            sqlite3.connect(":memory:").executescript(text).connection.close()
        assert [test for test in guard.tests if not (ROOT / test.partition("::")[0]).is_file()] == []


PLACES = [re.escape(place) for place in (str(ROOT), f"{Path.home()}/", f"{tempfile.gettempdir()}/")]
REGISTRIES = [r"pypi\.org", r"pythonhosted\.org", r"npmjs\.(com|org)"]
UNSPEAKABLE = re.compile("|".join(PLACES + REGISTRIES))


def test_no_file_names_a_registry_or_a_local_path() -> None:
    said = {name: found.group() for name, text in texts() if (found := UNSPEAKABLE.search(text))}
    assert not said


def test_every_disabled_lint_rule_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    ignores = text.split("\nignore = [", 1)[1].split("[tool.ruff.lint.flake8-tidy-imports]", 1)[0]
    rules = [line for line in ignores.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*",', line)]
    assert len(rules) > 10
    assert not [line for line in rules if not re.search(r"# .*\w", line)]


# A reason follows the rule: noqa: S104 - why, type: ignore[code]  # why.
BARE_IGNORE = re.compile(
    r"#\s*(noqa(:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)?|type:\s*ignore(\[[\w, -]+\])?)\s*$", re.MULTILINE
)


def test_every_lint_exception_in_the_code_says_why() -> None:
    bare = {name: found.group() for name, text in texts() if (found := BARE_IGNORE.search(text))}
    assert not bare


def requirements(lines: list[object]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines if isinstance(line, str)]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


RUNTIME = requirements(PYPROJECT["project"]["dependencies"])
SANDBOX = requirements(PYPROJECT["dependency-groups"]["sandbox"])
DEV = requirements(PYPROJECT["dependency-groups"]["dev"])


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", RUNTIME),
        ("requirements-sandbox.lock", RUNTIME | SANDBOX),
        ("requirements-dev.lock", RUNTIME | SANDBOX | DEV),
    ],
)
def test_the_lock_files_contain_every_declared_package(lock: str, wanted: dict[str, Requirement]) -> None:
    text = (ROOT / lock).read_text()
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))
    assert {name for name in wanted if not wanted[name].specifier.contains(pinned.get(name, "0"))} == set()
    assert text.count("==") == len(pinned) + text.count(" == ")
    assert not re.search(r"https?://|^-", text, re.MULTILINE)


def test_the_hooks_before_a_commit_use_the_locked_ruff() -> None:
    (pinned,) = re.findall(r"^ruff==(\S+)", (ROOT / "requirements-dev.lock").read_text(), re.MULTILINE)
    assert f"rev: v{pinned}\n" in (ROOT / ".pre-commit-config.yaml").read_text()


def libraries(*tops: str) -> set[str]:
    """The distributions that these parts of the project import."""
    known = packages_distributions()
    used = {name for _, tree in trees(*tops) for name in imports(tree)}
    foreign = used - sys.stdlib_module_names - set(PACKAGES) - {Path(name).stem for name in ROOT_MODULES}
    return {canonicalize_name(distribution) for name in foreign for distribution in known[name]}


def test_every_library_of_the_program_is_declared_and_used() -> None:
    assert libraries(*PROGRAM) == set(RUNTIME)


def test_every_library_of_the_sandbox_is_declared_and_used() -> None:
    only_for_tests = {"jsonschema", "referencing"}  # standins/discord/conformance.py
    assert libraries("sandbox", "standins") - only_for_tests - set(RUNTIME) == set(SANDBOX)
