"""Looks into the bot's ledger while the bot holds it: read-only, for the page and for waiting."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_HISTORY = """
SELECT id, at, member_id, subject, who, why, evidence, before, after FROM history
WHERE id > ? ORDER BY id DESC LIMIT ?"""

# Work that is due now. Postponed work does not count.
_OPEN_WORK = """
SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL)
     + (SELECT count(*) FROM stale WHERE next_try_at <= :now)
     + (SELECT count(*) FROM members WHERE next_try_at <= :now)
     + (SELECT count(*) FROM members WHERE due_at <= :now)
     + (SELECT count(*) FROM intents WHERE state = 'pending' AND next_attempt_at <= :now)
     + (SELECT count(*) FROM notices WHERE next_try_at <= :now)"""


@dataclass(frozen=True)
class Row:
    """A row of history, as the ledger keeps it; `at` in unix seconds."""

    id: int
    at: int
    member_id: int | None
    subject: str
    who: str
    why: str
    evidence: str
    before: str
    after: str


class LedgerPeek:
    """A connection that cannot write; SQLite's log lets it read beside the bot."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def version(self) -> int:
        """A number that moves on whenever the bot has committed something."""
        return int(self._one("PRAGMA data_version"))

    def history(self, limit: int, after: int = 0) -> list[Row]:
        """Newest first; with `after` those with a larger id alone."""
        with closing(self._db.execute(_HISTORY, (after, limit))) as cursor:
            return [Row(*row) for row in cursor]

    def member_of(self, checkout_id: str) -> int | None:
        """For whom a payment page was made; None when there is no such page."""
        return self._some("SELECT member_id FROM checkouts WHERE id = ?", checkout_id)

    def paid_through(self, subscription_id: str) -> int | None:
        """Until when a subscription is paid, unix seconds, where the ledger keeps that."""
        return self._some("SELECT paid_through FROM subscriptions WHERE id = ?", subscription_id)

    def open_work(self, now: float) -> int:
        """How many things the bot has to do at this moment (unix seconds)."""
        return int(self._one(_OPEN_WORK, {"now": int(now)}))

    def _some(self, statement: str, value: str) -> int | None:
        with closing(self._db.execute(statement, (value,))) as cursor:
            found = cursor.fetchone()
            return None if found is None else found[0]

    def _one(self, statement: str, values: dict[str, int] | None = None) -> int:
        with closing(self._db.execute(statement, values or {})) as cursor:
            found: int = cursor.fetchone()[0]
            return found
