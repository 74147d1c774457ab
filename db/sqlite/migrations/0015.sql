-- In which language somebody last used Discord, so that notices are written in it.
CREATE TABLE locales (
    user_id INTEGER PRIMARY KEY,
    locale TEXT NOT NULL
) STRICT;
