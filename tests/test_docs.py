"""Lists in the documents match the program."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import stripe

from config import DEFAULTS
from config_secrets import FILE_NAMES
from db import SqliteLedger
from providers.stripe.setup import EVENTS, PERMISSIONS

ROOT = Path(__file__).resolve().parent.parent
STRIPE = (ROOT / "docs" / "setup-stripe.md").read_text()


def test_every_link_between_documents_leads_somewhere() -> None:
    found = ((path, path.relative_to(ROOT).parts[0]) for path in ROOT.rglob("*.md"))
    documents = [path for path, top in found if not top.startswith(".") and top != "build"]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text())
        if not document.parent.joinpath(target).exists()
    ]
    assert documents
    assert not broken


def test_the_events_to_choose_at_stripe_are_those_the_program_asks_for() -> None:
    (block,) = re.findall(r"```\n(\s+charge\..+?)```", STRIPE, re.DOTALL)
    assert block.split() == sorted(EVENTS)


def test_the_permissions_of_a_restricted_key_are_those_the_program_checks() -> None:
    table = re.findall(r"^\| ([A-Z][A-Za-z ]+: (?:read|write)) \|", STRIPE, re.MULTILINE)
    assert set(table) == {name.text for _, name in PERMISSIONS} | {"Webhook Endpoints: read"}


def test_the_documented_stripe_api_version_is_the_packages() -> None:
    assert set(re.findall(r"`(\d{4}-\d\d-\d\d\.\w+)`", STRIPE)) == {stripe.api_version}


def test_the_documented_settings_are_the_programs() -> None:
    table = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", table, re.MULTILINE))
    assert list(rows) == list(DEFAULTS)
    for name, default in DEFAULTS.items():
        assert (rows[name] == f"`{default}`") if default else not rows[name].startswith("`")


def test_the_documents_name_every_secret_that_may_stand_in_a_file() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text()
    example = (ROOT / "config.example.env").read_text()
    assert tuple(re.findall(r"^([A-Z_]+_FILE)=/run", settings, re.MULTILINE)) == FILE_NAMES
    assert tuple(re.findall(r"^# ([A-Z_]+_FILE)=$", example, re.MULTILINE)) == FILE_NAMES


async def test_the_ledger_page_names_all_tables_and_its_queries_run(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "ledger.md").read_text()
    cells = re.findall(r"^\| (`[a-z_`, ]+) \|", text, re.MULTILINE)
    async with await SqliteLedger.open(tmp_path / "ledger.db") as _:
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            tables = db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            assert sorted(re.findall(r"\w+", " ".join(cells))) == sorted(name for (name,) in tables)
            for block in re.findall(r"```sql\n(.+?)```", text, re.DOTALL):
                db.executescript(block)
