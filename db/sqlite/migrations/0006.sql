-- Each distinct thing sold, as migration 5 wrote it down. It stays when nobody pays for it any more.
CREATE TABLE sales (
    id INTEGER PRIMARY KEY,
    sold TEXT NOT NULL UNIQUE  -- JSON: [["price_1", "prod_1", "stripe", "acct_1"], ...]
) STRICT;
DROP INDEX subscriptions_rights;
-- Of an item whose quantity is 0 nothing is sold. There are few, so the text is looked at before the JSON.
UPDATE subscriptions SET sold = (
    SELECT json_group_array(json_array(
        json_extract(value, '$.price.id'), json_extract(value, '$.price.product_id'),
        json_extract(value, '$.price.provider'), json_extract(value, '$.price.account')
    )) FROM json_each(items) WHERE json_extract(value, '$.quantity') <> 0
) WHERE instr(items, '"quantity":0') > 0;
INSERT INTO sales (sold) SELECT DISTINCT sold FROM subscriptions;
-- Every row gets its own below. SQLite adds no column that is NOT NULL and declared to refer to another.
ALTER TABLE subscriptions ADD COLUMN sale INTEGER NOT NULL DEFAULT 0;
UPDATE subscriptions SET sale = (SELECT id FROM sales WHERE sales.sold = subscriptions.sold);
ALTER TABLE subscriptions DROP COLUMN sold;
-- All that decides a server's roles, by member. A plain renewal rewrites none of it.
CREATE INDEX subscriptions_rights ON subscriptions (
    guild_id, member_id, sale, status, dispute, ends_at, unpaid_since, paid_through
) WHERE guild_id IS NOT NULL;
