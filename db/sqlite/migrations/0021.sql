-- The public card of a server with its plans. It is edited while `shown` is behind `version`, which every
-- change of what the card says raises.
CREATE TABLE panels (
    guild_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    shown INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL
) STRICT;
CREATE INDEX panels_behind ON panels (next_try_at) WHERE shown < version;
