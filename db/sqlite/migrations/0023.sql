-- Imports of subscriptions from before Dues: a preview, until an admin applies it, and what it linked.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id INTEGER NOT NULL,
    made_by INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    applied_at INTEGER
) STRICT;
CREATE INDEX imports_guild ON imports (guild_id, id);
-- Each subscription that an import links. `had`: a bit for each of its roles that the member had before.
-- `undone_at`: when an admin undid it; the brake does not hold the removals that follow.
CREATE TABLE import_rows (
    import_id INTEGER NOT NULL REFERENCES imports (id),
    line INTEGER NOT NULL,
    guild_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    state TEXT NOT NULL,
    had INTEGER NOT NULL DEFAULT 0,
    undone_at INTEGER,
    PRIMARY KEY (import_id, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_rows_undone ON import_rows (guild_id, member_id, undone_at) WHERE undone_at IS NOT NULL;
