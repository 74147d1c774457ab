"""The ledger port: imports of subscriptions from before Dues."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from billing.model.imports import Import, ImportRow, RowState


class ImportLedger(Protocol):
    """Previews of imports, and the subscriptions linked by imports that an admin applied."""

    async def record_import(self, guild_id: int, by: int, rows: Sequence[ImportRow], at: int) -> int:
        """Store a preview and return its id. Drops the server's earlier previews that nobody applied."""

    async def load_import(self, import_id: int) -> Import | None:
        """Return the import with this id; None if there is none."""

    async def load_last_import(self, guild_id: int) -> Import | None:
        """Return the server's last import that an admin applied; None if there is none."""

    async def load_import_rows(
        self, import_id: int, states: Collection[RowState], after: int, limit: int
    ) -> list[ImportRow]:
        """Return up to `limit` rows in these states, ordered by line, each with a line above `after`."""

    async def record_import_applied(self, import_id: int, at: int) -> None:
        """Record that an admin applied an import. Only the first call counts."""

    async def record_import_row(self, import_id: int, row: ImportRow, at: int) -> None:
        """Record a row's new state.

        From UNDOING on, the brake does not stop removals of the member's roles for a day.
        """
