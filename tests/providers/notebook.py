"""A stand-in for the values that the ledger keeps for a provider."""

from __future__ import annotations

from billing.errors import LedgerUnavailable


class Notebook:
    """Small facts, as the ledger keeps them."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.broken = False

    async def load_value(self, name: str) -> str | None:
        if self.broken:
            raise LedgerUnavailable
        return self.facts.get(name)

    async def record_value(self, name: str, value: str) -> None:
        if self.broken:
            raise LedgerUnavailable
        self.facts[name] = value
