"""Ids at a provider that outlive the process."""

from __future__ import annotations

from contextlib import suppress

from billing.errors import LedgerError
from billing.ports import Values


class KeptIds:
    """Ids in the ledger, by name. While the ledger cannot be used, or without one, none is known."""

    def __init__(self, kept: Values | None, prefix: str) -> None:
        self._kept, self._prefix = kept, prefix

    async def load(self, name: str) -> str:
        """Return the id with this name; '' if it is not known."""
        with suppress(LedgerError):
            if self._kept is not None:
                return await self._kept.load_value(f"{self._prefix} {name}") or ""
        return ""

    async def record(self, name: str, value: str) -> None:
        """Keep an id; if the ledger cannot be written, it is looked for again."""
        with suppress(LedgerError):
            if self._kept is not None:
                await self._kept.record_value(f"{self._prefix} {name}", value)
