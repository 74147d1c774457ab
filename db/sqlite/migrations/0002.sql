-- The brake. When a member was last about to lose roles, and since when they keep them because of it.
ALTER TABLE members ADD COLUMN taken_at INTEGER;
ALTER TABLE members ADD COLUMN braked_at INTEGER;
CREATE INDEX members_taken ON members (guild_id, taken_at) WHERE taken_at IS NOT NULL;
CREATE INDEX members_braked ON members (guild_id) WHERE braked_at IS NOT NULL;

-- The last time that it went on in a server. It is on while a member is braked there.
CREATE TABLE brakes (
    guild_id INTEGER PRIMARY KEY,
    since INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    asks_again_at INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    holders INTEGER NOT NULL,
    released_until INTEGER
) STRICT;
