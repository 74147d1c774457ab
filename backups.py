"""Implements `python bot.py backup FILE` and `restore FILE`, and the bot's daily backup."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from billing.errors import DuesError
from billing.ports import Clock
from config import Settings
from db.sqlite.backup import back_up, restore
from db.sqlite.private_files import make_folder
from i18n import tr
from i18n.plain import plain_words

log = logging.getLogger(__name__)

DAY = 86_400
AGAIN = 3_600  # seconds until a failed backup is tried again
LOOKS = 600  # seconds between two looks at the clock, which may have been corrected in the meantime
_STAMP = "%Y%m%d-%H%M%S"


def stamp_of(at: float) -> str:
    """Format a time, given in unix seconds, as it is used in file names: UTC, to the second."""
    return datetime.fromtimestamp(int(at), UTC).strftime(_STAMP)


def run(command: str, file: Path, ledger: Path, clock: Clock) -> str:
    """Run `backup` or `restore`, and return the message for the terminal. Raises DuesError if it fails."""
    if command == "backup":
        back_up(ledger, file, int(clock.now()))
        return tr("terminal.backed_up", ledger=ledger, file=file)
    restored = restore(file, ledger, stamp_of(clock.now()))
    done = tr("terminal.restored", n=restored.subscriptions, ledger=ledger, file=file)
    return f"{done} {tr('terminal.former_kept', kept=restored.kept)}" if restored.kept else done


class Kept(Protocol):
    """The part of a ledger that daily backups need."""

    async def backup(self, target: Path, at: int) -> None:
        """Copy the ledger to a new file, and record `at` (unix seconds) as the time of the backup."""

    async def record_backup_failed(self, why: str, at: int) -> None:
        """Record why a backup failed, so that the admins are notified; an empty `why` records a success."""


@asynccontextmanager
async def keeping(ledger: Kept, settings: Settings, clock: Clock) -> AsyncIterator[None]:
    """Make daily backups while the context lasts, if the owner has configured a folder for them."""
    if settings.backup_dir is None:
        yield
        return
    name, many = settings.ledger_path.stem, settings.backup_keep
    task = asyncio.create_task(keep_backups(ledger, name, settings.backup_dir, many, clock))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def keep_backups(ledger: Kept, name: str, folder: Path, many: int, clock: Clock) -> None:
    """Make one backup a day and keep the newest `many`; runs until cancelled."""
    again = 0
    while True:
        now = int(clock.now())
        if max(next_backup(folder, name, now), again) <= now:
            again = 0 if await _back_up(ledger, name, folder, many, now) else now + AGAIN
        await clock.sleep(LOOKS)


def next_backup(folder: Path, name: str, now: int) -> int:
    """Return the time when the next backup is due, in unix seconds.

    Backups whose name is a time in the future are ignored.
    """
    made = [at for at, _ in _made(folder, name) if at <= now]
    return max(made, default=-DAY) + DAY


async def _back_up(ledger: Kept, name: str, folder: Path, many: int, now: int) -> bool:
    try:
        make_folder(folder)
        await ledger.backup(folder / f"{name}-{stamp_of(now)}.db", now)
        prune(folder, name, many)
        await ledger.record_backup_failed("", now)
    except (DuesError, OSError) as error:
        why = (
            plain_words(error.user_message) if isinstance(error, DuesError) else f"{folder}: {error.strerror}"
        )
        log.error("The daily backup failed, and is tried again in an hour: %s", why)  # noqa: TRY400 - `why` says all
        with suppress(DuesError):
            await ledger.record_backup_failed(why, now)
        return False
    log.info("Backed up the ledger to %s", folder)
    return True


def prune(folder: Path, name: str, many: int) -> None:
    """Remove all but the newest `many` backups, and the unfinished files of interrupted ones."""
    for _, path in sorted(_made(folder, name), reverse=True)[many:]:
        path.unlink()
    for part in folder.glob(f"{name}-*.db.part"):
        part.unlink()


def _made(folder: Path, name: str) -> list[tuple[int, Path]]:
    """Return the time (unix seconds) and path of each backup of this ledger that this program made."""
    named = re.compile(re.escape(name) + r"-(\d{8}-\d{6})\.db")
    made = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := named.fullmatch(path.name):
            with suppress(ValueError):  # the name is not a time
                moment = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                made.append((int(moment.timestamp()), path))
    return made
