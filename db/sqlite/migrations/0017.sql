-- Subscriptions to be fetched are taken by urgency, each kind in turn: billing.priority.Priority.
ALTER TABLE stale ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
DROP INDEX stale_next;
CREATE INDEX stale_next ON stale (priority, next_try_at, since);
