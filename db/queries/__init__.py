"""The ledger's SQL, one module per subject, in the dialect that SQLite and PostgreSQL share."""
