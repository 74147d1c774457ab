"""Reads the bot's ledger while the bot has it open, for the page and for waiting. Nothing is written."""

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
    """One row of the ledger's history. `at`: unix seconds."""

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
    """A read-only connection to the ledger.

    SQLite's write-ahead log lets it read while the bot writes.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def close(self) -> None:
        """Close the connection to the ledger."""
        self._db.close()

    def version(self) -> int:
        """Return a number that changes whenever the bot has committed something."""
        return int(self._one("PRAGMA data_version"))

    def history(self, limit: int, after: int = 0) -> list[Row]:
        """Return the newest rows of the history first; with `after`, only those with a larger id."""
        with closing(self._db.execute(_HISTORY, (after, limit))) as cursor:
            return [Row(*row) for row in cursor]

    def member_of(self, checkout_id: str) -> int | None:
        """Return the id of the member for whom a payment page was made; None if there is no such page."""
        return self._some("SELECT member_id FROM checkouts WHERE id = ?", checkout_id)

    def paid_through(self, subscription_id: str) -> int | None:
        """Return until when a subscription is paid, in unix seconds; None if the ledger lacks it."""
        return self._some("SELECT paid_through FROM subscriptions WHERE id = ?", subscription_id)

    def open_work(self, now: float) -> int:
        """Return how many items of work are due at this moment (unix seconds)."""
        return int(self._one(_OPEN_WORK, {"now": int(now)}))

    def _some(self, statement: str, value: str) -> int | None:
        with closing(self._db.execute(statement, (value,))) as cursor:
            found = cursor.fetchone()
            return None if found is None else found[0]

    def _one(self, statement: str, values: dict[str, int] | None = None) -> int:
        with closing(self._db.execute(statement, values or {})) as cursor:
            found: int = cursor.fetchone()[0]
            return found
