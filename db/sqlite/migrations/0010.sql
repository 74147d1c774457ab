-- In which servers somebody was granted something: for their own list, which spans all servers.
CREATE INDEX overrides_granted ON overrides (member_id, guild_id) WHERE lifted_at IS NULL AND kind = 'grant';
