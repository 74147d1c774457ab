"""The ledger in one SQLite file: connections, group commit, schema and backups."""
