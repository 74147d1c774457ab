-- For which roles somebody had free days, whatever becomes of the plan or of the subscription.
CREATE TABLE free_days (
    guild_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    role_id INTEGER NOT NULL,
    PRIMARY KEY (guild_id, member_id, role_id)
) STRICT, WITHOUT ROWID;
