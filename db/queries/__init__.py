"""The SQL of the ledger, one module per subject, in the dialect that SQLite and PostgreSQL share."""
