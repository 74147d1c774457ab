-- What the address of the return page carries, so that whoever comes back has that payment page looked at.
ALTER TABLE checkouts ADD COLUMN return_id TEXT;
CREATE UNIQUE INDEX checkouts_returned ON checkouts (return_id) WHERE return_id IS NOT NULL;
CREATE INDEX checkouts_member ON checkouts (member_id, created_at);
