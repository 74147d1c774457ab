"""Small facts that outlive the process, for whoever needs nothing else of the ledger."""

from __future__ import annotations

from typing import Protocol


class Values(Protocol):
    """Every method raises LedgerError and nothing else. The ledger is one."""

    async def load_value(self, name: str) -> str | None:
        """None where nothing is kept by that name."""

    async def record_value(self, name: str, value: str) -> None:
        """In the place of what was kept by that name."""
