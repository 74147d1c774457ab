"""The program's settings and version, and the parts that become available while it starts."""

from __future__ import annotations

import logging
import platform
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from billing.worker.runner import Worker
from cogs.bot import DuesBot
from config import Settings, load
from db.sqlite.schema import load_migrations
from i18n import tr
from i18n.plain import plain_words
from logs import set_up_logging
from web.metrics import Readings

log = logging.getLogger("dues")


def build_info() -> dict[str, str]:
    """Return the versions of Dues, of the ledger's schema and of Python, for /metrics, logs and `--version`.

    The version of Dues comes from pyproject.toml.
    """
    project = Path(__file__).with_name("pyproject.toml")
    found = tomllib.loads(project.read_text("utf-8"))["project"] if project.exists() else {}
    schema = str(len(load_migrations()))
    return {"version": found.get("version", "unknown"), "schema": schema, "python": platform.python_version()}


def tell_version() -> int:
    """Print the version for `python bot.py --version`, which needs no settings; returns the exit code."""
    print(tr("program.version", **build_info()))
    return 0


def load_settings() -> Settings:
    """Load the settings and set up logging accordingly. Raises SettingsError if they are wrong."""
    settings = load()
    set_up_logging(settings.log_level, settings.log_format)
    return settings


def log_start(settings: Settings) -> None:
    """Log the versions, and a warning for each name in .env that looks like a misspelt setting."""
    log.info("Starting Dues", extra={"ids": build_info()})
    for text in settings.misspelt:
        log.warning("%s", plain_words(text))


def receipt_signing(keys: Sequence[bytes]) -> Callable[[str], str] | None:
    """Return the function that signs receipts; None without a key of SECRET_KEY."""
    if not keys:
        return None
    from receipt_signing import ReceiptSigner  # noqa: PLC0415 - it loads cryptography, which not all need

    return ReceiptSigner(keys).sign


class Runtime:
    """Gives code that starts early access to parts that exist only once Discord has answered."""

    worker: Worker | None = None
    bot: DuesBot | None = None

    def wake(self) -> None:
        """Tell the worker, if it exists yet, that the ledger may contain new work."""
        if self.worker is not None:
            self.worker.wake()

    def discord_readings(self) -> Readings:
        """Return the Discord client's readings for /metrics; empty before the client exists."""
        return {} if self.bot is None else {**self.bot.readings()}

    def discord_fault(self) -> str | None:
        """Return why the bot accepts no commands; None while it accepts them."""
        return tr("setup.not_connected") if self.bot is None else self.bot.why_offline()
