"""`python bot.py backup FILE` and `restore FILE`, and the daily backup by the bot itself."""

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
from i18n.plain import plain_words

log = logging.getLogger(__name__)

DAY = 86_400
AGAIN = 3_600  # seconds after a backup that failed
LOOKS = 600  # seconds between two looks at the clock, which may have been put right meanwhile
_STAMP = "%Y%m%d-%H%M%S"


def stamp_of(at: float) -> str:
    """A moment as it stands in a file's name; UTC, to the second."""
    return datetime.fromtimestamp(int(at), UTC).strftime(_STAMP)


def run(command: str, file: Path, ledger: Path, clock: Clock) -> str:
    """Carry out `backup` or `restore`; what to tell the terminal. DuesError where it cannot be done."""
    if command == "backup":
        back_up(ledger, file, int(clock.now()))
        return f"Backed up {ledger} to {file}."
    restored = restore(file, ledger, stamp_of(clock.now()))
    kept = f" What was there before is kept as {restored.kept}." if restored.kept else ""
    return (
        f"Restored {ledger} from {file}, with {restored.subscriptions} subscriptions.{kept} Start the bot: "
        "it asks the payment providers about each subscription before it gives or takes a role. Plans, "
        "grants and revocations that admins made since the backup are not in it."
    )


class Kept(Protocol):
    """A ledger, as far as its backups go."""

    async def backup(self, target: Path, at: int) -> None:
        """Copy it to a file that is not there yet."""

    async def record_backup_failed(self, why: str, at: int) -> None:
        """Keep why, and have it told; empty once a backup was made."""


@asynccontextmanager
async def keeping(ledger: Kept, settings: Settings, clock: Clock) -> AsyncIterator[None]:
    """Have a backup made every day meanwhile, where the owner named a folder for them."""
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
    """A backup a day, for as long as the bot runs, of which the newest `many` stay."""
    again = 0
    while True:
        now = int(clock.now())
        if max(next_backup(folder, name, now), again) <= now:
            again = 0 if await _back_up(ledger, name, folder, many, now) else now + AGAIN
        await clock.sleep(LOOKS)


def next_backup(folder: Path, name: str, now: int) -> int:
    """When the next is due; one whose name lies ahead of the clock counts for nothing."""
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
    """Remove all but the newest `many`, and what a backup that was cut off left behind."""
    for _, path in sorted(_made(folder, name), reverse=True)[many:]:
        path.unlink()
    for part in folder.glob(f"{name}-*.db.part"):
        part.unlink()


def _made(folder: Path, name: str) -> list[tuple[int, Path]]:
    """Those that this program made of that ledger, each with when."""
    named = re.compile(re.escape(name) + r"-(\d{8}-\d{6})\.db")
    made = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := named.fullmatch(path.name):
            with suppress(ValueError):  # no moment
                moment = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                made.append((int(moment.timestamp()), path))
    return made
