"""Implements the commands `python bot.py backup FILE`, `restore FILE` and `verify FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import backups
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from i18n import tr
from runtime import load_settings
from terminal_texts import refuse_texts

_WORDS = {"genuine": "verify.genuine", "changed": "verify.changed", "unsigned": "verify.unsigned"}
FILE_COMMANDS = frozenset({"backup", "restore", "verify"})


def run_on_file(command: str, path: Path, clock: Clock) -> int:
    """Run one of `FILE_COMMANDS`, and return the exit code.

    Raises SettingsError if the settings are wrong, and DuesError if the command fails.
    """
    settings = load_settings()
    if command == "verify":
        return verify(path, settings.secret_keys)
    print(backups.run(command, path, settings.ledger_path, clock))  # noqa: T201 - a terminal asked for it
    return 0


def verify(path: Path, keys: Sequence[bytes]) -> int:
    """Print whether the receipt in this file is genuine.

    `keys`: the keys of SECRET_KEY. Returns exit code 0 if the receipt is genuine, 1 if it is not, and 2 if it
    cannot be checked because SECRET_KEY is missing or the file is unreadable.
    """
    if not keys:
        return refuse_texts(2, Text("verify.no_key"))
    from receipt_signing import LARGEST, ReceiptSigner  # noqa: PLC0415 - it loads cryptography

    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(LARGEST + 1)
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        reason = Verbatim(error.strerror or type(error).__name__)
        return refuse_texts(2, Text("verify.unreadable", file=Verbatim(str(path)), reason=reason))
    state = ReceiptSigner(keys).check(text)
    print(tr(_WORDS[state]))  # noqa: T201 - a terminal asked for it
    return 0 if state == "genuine" else 1
