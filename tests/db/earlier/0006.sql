-- Each distinct thing sold, as migration 5 wrote it down. It stays when nobody pays for it any more.
CREATE TABLE sales (
    id INTEGER PRIMARY KEY,
    sold TEXT NOT NULL UNIQUE  -- JSON: [["price_1", "prod_1", "stripe", "acct_1"], ...]
) STRICT;
INSERT INTO sales (sold) SELECT DISTINCT sold FROM subscriptions;
DROP INDEX subscriptions_rights;
-- Every row gets its own below. SQLite adds no column that is NOT NULL and declared to refer to another.
ALTER TABLE subscriptions ADD COLUMN sale INTEGER NOT NULL DEFAULT 0;
UPDATE subscriptions SET sale = (SELECT id FROM sales WHERE sales.sold = subscriptions.sold);
ALTER TABLE subscriptions DROP COLUMN sold;
-- All that decides a server's roles, by member. A plain renewal rewrites none of it.
CREATE INDEX subscriptions_rights ON subscriptions (
    guild_id, member_id, sale, status, dispute, ends_at, unpaid_since, paid_through
) WHERE guild_id IS NOT NULL;
