"""The parts of the program that become available while it starts."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path

from billing.worker.runner import Worker
from cogs.bot import DuesBot
from db.sqlite.schema import load_migrations
from i18n import tr
from web.metrics import Readings


def build_info() -> dict[str, str]:
    """The version of the running program, for /metrics."""
    project = Path(__file__).with_name("pyproject.toml")
    found = tomllib.loads(project.read_text("utf-8"))["project"] if project.exists() else {}
    schema = str(len(load_migrations()))
    return {"version": found.get("version", "unknown"), "schema": schema, "python": platform.python_version()}


class Runtime:
    """Holds the parts that exist only once Discord has answered, for code that starts earlier."""

    worker: Worker | None = None
    bot: DuesBot | None = None

    def wake(self) -> None:
        """Tell the worker, if it exists yet, that the ledger may hold new work."""
        if self.worker is not None:
            self.worker.wake()

    def discord_readings(self) -> Readings:
        """The Discord client's readings for /metrics."""
        return {} if self.bot is None else {**self.bot.gateway.readings()}

    def discord_fault(self) -> str | None:
        """Why the bot accepts no commands; None while it does."""
        return tr("setup.not_connected") if self.bot is None else self.bot.why_offline()
