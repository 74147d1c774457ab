"""`python bot.py backup` and `restore`: what they make, what they refuse, and with which exit code."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

import backups
import bot
from billing.errors import LedgerUnavailable
from db import SqliteLedger
from db.sqlite.backup import last_backup
from db.sqlite.schema import load_migrations, prepare
from standins.clock import MovableClock
from tests.app.harness import AppHarness
from tests.app.program_process import Program, is_ready, run, settings_of
from tests.contract.ledger.nouns import ANNA, KEY, event, subscription, sync

DAY = 86_400


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def value(path: Path, name: str) -> str | None:
    with closing(sqlite3.connect(path)) as db:
        row = db.execute("SELECT value FROM named_values WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


@pytest.fixture
async def settings(tmp_path: Path) -> dict[str, str]:
    """Of a bot that is not running and has a ledger with one subscription."""
    async with await SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await sync(ledger, subscription(binding=ANNA))
    return {"DISCORD_TOKEN": "right.token", "DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db"}


async def test_a_running_ledger_is_backed_up_and_an_existing_file_is_not_touched(
    app: AppHarness, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    target = tmp_path / "backup.db"
    code, output = await run(tmp_path / "other", settings_of(app), "backup", str(target))
    assert code == 0, output
    assert mode(target) == 0o600
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA user_version").fetchone() == (len(load_migrations()),)
    assert last_backup(app.path) is not None
    before = target.read_bytes()
    assert (await run(tmp_path / "other", settings_of(app), "backup", str(target)))[0] == 2
    assert target.read_bytes() == before


async def test_a_running_ledger_is_not_replaced(app: AppHarness, program: Program, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    target = tmp_path / "backup.db"
    assert (await run(tmp_path / "other", settings_of(app), "backup", str(target)))[0] == 0
    assert (await run(tmp_path / "other", settings_of(app), "restore", str(target)))[0] == 3


async def test_a_restore_replaces_a_stopped_ledger_and_keeps_the_old_one(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    backup, ledger = tmp_path / "backup.db", tmp_path / "ledger.db"
    assert (await run(tmp_path, settings, "backup", str(backup)))[0] == 0
    async with await SqliteLedger.open(ledger) as opened:
        await opened.record_events([event("later")], 10)
        (tmp_path / "ledger.db-wal").read_bytes()
        shutil.copy(tmp_path / "ledger.db-wal", tmp_path / "saved-wal")
    (tmp_path / "saved-wal").rename(tmp_path / "ledger.db-wal")  # as a kill would leave it
    code, output = await run(tmp_path, settings, "restore", str(backup))
    assert code == 0, output
    assert "with one subscription" in output
    assert not list(tmp_path.glob("ledger.db-*"))
    assert mode(ledger) == 0o600
    assert value(ledger, "older") == "restored"
    (kept,) = [path for path in tmp_path.glob("ledger.db.before-*") if not path.name.endswith(("wal", "shm"))]
    with closing(sqlite3.connect(kept)) as db:
        assert db.execute("SELECT event_id FROM inbox").fetchall() == [("later",)]
    async with await SqliteLedger.open(ledger) as restored:
        assert await restored.load_subscription(KEY) == subscription(binding=ANNA)
        assert await restored.load_pending_events(99, 9) == []


async def broken(path: Path, kind: str) -> Path:
    if kind == "damaged":
        path.write_bytes(b"this is no ledger at all" * 1000)
    elif kind == "foreign":
        with closing(sqlite3.connect(path)) as db:
            db.executescript("CREATE TABLE photos (a); PRAGMA user_version = 3;")
    elif kind == "empty":
        path.touch()
    else:
        async with await SqliteLedger.open(path) as ledger:
            await ledger.record_events([event(str(n)) for n in range(500)], 10)
        if kind == "newer":
            with closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA user_version = 9999")
        else:
            content = bytearray(path.read_bytes())
            middle = len(content) // 2 // 4096 * 4096
            content[middle : middle + 8192] = os.urandom(8192)
            path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["damaged", "foreign", "empty", "newer", "holed"])
async def test_a_damaged_or_foreign_backup_is_not_restored(
    tmp_path: Path, settings: dict[str, str], kind: str
) -> None:
    ledger = tmp_path / "ledger.db"
    before = ledger.read_bytes()
    code, output = await run(tmp_path, settings, "restore", str(await broken(tmp_path / "backup.db", kind)))
    assert code == 4, output
    assert ledger.read_bytes() == before
    assert not list(tmp_path.glob("*.restored*"))


@pytest.mark.parametrize(
    "arguments",
    [("restore",), ("backup",), ("backup", "a", "b"), ("restore", "missing.db"), ("backup", "--x")],
)
async def test_a_backup_command_with_wrong_arguments_changes_nothing(
    tmp_path: Path, settings: dict[str, str], arguments: tuple[str, ...]
) -> None:
    before = (tmp_path / "ledger.db").read_bytes()
    assert (await run(tmp_path, settings, *arguments))[0] == 2
    assert (tmp_path / "ledger.db").read_bytes() == before


async def test_without_a_ledger_there_is_nothing_to_back_up(tmp_path: Path, settings: dict[str, str]) -> None:
    settings["DATABASE_URL"] = "sqlite:///elsewhere.db"
    code, output = await run(tmp_path, settings, "backup", str(tmp_path / "backup.db"))
    assert code == 2
    assert "There is no ledger" in output
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_restore_without_room_on_the_disk_exits_75(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is moved, with both numbers."""
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(backup, isolation_level=None)) as db:
        prepare(db, load_migrations())
    monkeypatch.setattr(shutil, "disk_usage", lambda where: shutil._ntuple_diskusage(9, 9, 7))
    monkeypatch.setenv("DISCORD_TOKEN", "right.token")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.chdir(tmp_path)
    assert bot.main(["restore", str(backup)]) == 75
    assert not (tmp_path / "ledger.db").exists()


class Ledger:
    """As far as backups go."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.fault = ""

    async def backup(self, target: Path, at: int) -> None:
        if self.fault:
            raise LedgerUnavailable(self.fault)
        target.write_text(str(at))

    async def record_backup_failed(self, why: str, at: int) -> None:
        self.failed.append(why)


async def test_a_backup_is_made_daily_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    folder, ledger, clock = tmp_path / "deep" / "backups", Ledger(), MovableClock()
    for _ in range(5):
        assert backups.next_backup(folder, "ledger", int(clock.now())) <= clock.now()
        assert await backups._back_up(ledger, "ledger", folder, 3, int(clock.now()))
        assert backups.next_backup(folder, "ledger", int(clock.now())) == int(clock.now()) + DAY
        clock.advance(DAY)
        (folder / "precious.db").touch()
        (folder / "ledger-20200101-000000.db.part").touch()
    assert mode(folder) == mode(tmp_path / "deep") == 0o700
    made = sorted(path.name for path in folder.iterdir())
    assert len([name for name in made if re.fullmatch(r"ledger-\d{8}-\d{6}\.db", name)]) == 3
    assert "precious.db" in made


async def test_a_failed_backup_is_recorded_until_one_succeeds(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.fault = "The disk is full."
    assert not await backups._back_up(ledger, "ledger", tmp_path, 3, 1_000_000)
    ledger.fault = ""
    assert await backups._back_up(ledger, "ledger", tmp_path, 3, 1_000_000)
    assert ledger.failed == ["The disk is full.", ""]


async def test_a_running_program_makes_backups_and_exposes_their_age(app: AppHarness, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    program = Program(tmp_path, settings_of(app, BACKUP_DIR=str(folder)))
    await program.start()
    try:
        await is_ready(app)
        text = ""
        async with aiohttp.ClientSession() as session:
            while "dues_backup_age_seconds" not in text or "dues_backup_age_seconds NaN" in text:
                async with session.get(f"http://127.0.0.1:{app.port}/metrics") as answer:
                    text = await answer.text()
    finally:
        assert await program.stop() == 0
    assert len(list(folder.glob("ledger-*.db"))) == 1
    assert (mode(folder), mode(next(folder.iterdir()))) == (0o700, 0o600)


async def test_only_the_owner_can_read_the_files_beside_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "made" / "ledger.db"
    before = os.umask(0)
    try:
        async with await SqliteLedger.open(path) as ledger:
            await ledger.record_events([event()], 10)
            files = sorted(path.parent.iterdir())
            assert {file.name for file in files} >= {
                "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock", "ledger.db.count"
            }  # fmt: skip
            assert {mode(file) for file in files} == {0o600}
        assert mode(path.parent) == 0o700
        for file in path.parent.iterdir():
            file.chmod(0o666)
        async with await SqliteLedger.open(path):
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    finally:
        os.umask(before)
