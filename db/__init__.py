"""The ledger, over SQLite: everything that Dues remembers (docs/ledger.md)."""

from db.ledger import SqliteLedger

__all__ = ["SqliteLedger"]
