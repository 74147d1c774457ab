"""Why a ledger cannot be opened, in words for the operator, and whether that may pass by itself."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

import db.sqlite.lock
from billing.errors import LedgerUnavailable
from db import SqliteLedger
from db.sqlite.errors import PASSES
from i18n.plain import plain_words


async def opened(path: Path) -> LedgerUnavailable:
    """The fault that opening meets."""
    with pytest.raises(LedgerUnavailable) as met:
        await SqliteLedger.open(path)
    return met.value


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, PASSES, "is full"),
        (errno.EDQUOT, PASSES, "is full"),
        (errno.EROFS, PASSES, "is read-only"),
        (errno.EIO, PASSES, "just now"),
        (errno.EACCES, 2, "who may write there"),
        (errno.ENOENT, 2, "Check DATABASE_URL"),
    ],
)
async def test_a_ledger_in_a_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int, words: str
) -> None:
    def refuse(folder: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(db.sqlite.lock, "make_folder", refuse)
    fault = await opened(tmp_path / "ledger.db")
    assert fault.exit_code == code
    assert words in plain_words(fault.user_message)
    assert str(tmp_path / "ledger.db") in plain_words(fault.user_message)


@pytest.mark.parametrize("number", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_BUSY])
async def test_a_passing_sqlite_error_at_opening_exits_75(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(conn: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("refused")
        error.sqlite_errorcode = number
        raise error

    monkeypatch.setattr("db.sqlite.ledger.prepare_writer", refuse)
    fault = await opened(tmp_path / "ledger.db")
    assert fault.exit_code == PASSES
    assert ("is full" in plain_words(fault.user_message)) == (number == sqlite3.SQLITE_FULL)


async def test_a_ledger_path_that_is_no_file_needs_the_owner(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (await opened(tmp_path / "file" / "ledger.db")).exit_code == 2
    assert (await opened(tmp_path)).exit_code == 2
