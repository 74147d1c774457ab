-- What changed, as typed events in order (billing/model/outbox.py). Numbers, lists and messages to other programs
-- read it; `history` keeps the evidence. A person may be replaced by a number, so member_id alone can be changed.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    guild_id INTEGER NOT NULL,
    member_id INTEGER,
    facts TEXT NOT NULL  -- JSON object
) STRICT;
CREATE INDEX outbox_guild ON outbox (guild_id);
CREATE INDEX outbox_member ON outbox (guild_id, member_id) WHERE member_id IS NOT NULL;
CREATE TRIGGER outbox_is_not_changed
BEFORE UPDATE OF sequence, id, type, version, at, guild_id, facts ON outbox
BEGIN
    SELECT raise(ABORT, 'the outbox is append-only');
END;
CREATE TRIGGER outbox_is_not_deleted BEFORE DELETE ON outbox
BEGIN
    SELECT raise(ABORT, 'the outbox is append-only');
END;
