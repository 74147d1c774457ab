"""The SQL of the ledger, one file a subject, in the dialect that SQLite and PostgreSQL share."""
