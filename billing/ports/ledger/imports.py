"""The ledger port: imports of subscriptions from before Dues."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from billing.model.imports import Import, ImportRow, RowState


class ImportLedger(Protocol):
    """Imports: previews, and what was linked by those that an admin applied."""

    async def record_import(self, guild_id: int, by: int, rows: Sequence[ImportRow], at: int) -> int:
        """Keep a preview and return its id. Previews of the server that nobody applied are dropped."""

    async def load_import(self, import_id: int) -> Import | None:
        """Return an import; None if there is none."""

    async def load_last_import(self, guild_id: int) -> Import | None:
        """Return the server's last import that an admin applied; None if there is none."""

    async def load_import_rows(
        self, import_id: int, states: Collection[RowState], after: int, limit: int
    ) -> list[ImportRow]:
        """Return up to `limit` rows in these states, ordered by line, each with a line above `after`."""

    async def record_import_applied(self, import_id: int, at: int) -> None:
        """Record that an admin applied it. The first time counts."""

    async def record_import_row(self, import_id: int, row: ImportRow, at: int) -> None:
        """Record a row's new state. From UNDOING on, the brake does not hold the member's removals for a
        day."""
