"""Named values that outlive the process, for callers that need nothing else of the ledger."""

from __future__ import annotations

from typing import Protocol


class Values(Protocol):
    """Stores values by name; the ledger implements it. Every method raises LedgerError and nothing else."""

    async def load_value(self, name: str) -> str | None:
        """Return the value stored under this name; None if there is none."""

    async def record_value(self, name: str, value: str) -> None:
        """Store a value under this name, replacing an earlier one."""
