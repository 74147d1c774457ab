"""The ledger in SQLite: everything that Dues remembers (docs/ledger.md)."""

from db.sqlite.ledger import SqliteLedger

__all__ = ["SqliteLedger"]
