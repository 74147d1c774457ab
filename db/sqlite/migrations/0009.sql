-- Migrations 1, 5 and 6 had other texts for a while. What those left behind goes, where it is there at all.
DROP INDEX IF EXISTS customers_member;
DROP INDEX IF EXISTS checkouts_open;
ALTER TABLE checkouts DROP COLUMN url;  -- where it is there
ALTER TABLE subscriptions DROP COLUMN collection_void_since;  -- where it is there

-- The first migration 6 took items whose quantity is 0 for sold. Where any stands so, all sales are told again.
CREATE TABLE retold (row INTEGER PRIMARY KEY, sold TEXT NOT NULL) STRICT;
INSERT INTO retold
SELECT row, (
    SELECT json_group_array(json_array(
        json_extract(value, '$.price.id'), json_extract(value, '$.price.product_id'),
        json_extract(value, '$.price.provider'), json_extract(value, '$.price.account')
    )) FROM json_each(items) WHERE json_extract(value, '$.quantity') <> 0
) FROM subscriptions WHERE instr(items, '"quantity":0') > 0;
DELETE FROM retold WHERE NOT EXISTS (
    SELECT 1 FROM retold AS other JOIN subscriptions USING (row) JOIN sales ON sales.id = sale
    WHERE other.sold <> sales.sold
);
INSERT INTO retold
SELECT row, (SELECT sold FROM sales WHERE id = sale) FROM subscriptions
WHERE EXISTS (SELECT 1 FROM retold) AND row NOT IN (SELECT row FROM retold);
DELETE FROM sales WHERE EXISTS (SELECT 1 FROM retold);
INSERT INTO sales (sold) SELECT sold FROM retold GROUP BY sold ORDER BY min(row);
UPDATE subscriptions SET sale = (SELECT id FROM sales JOIN retold USING (sold) WHERE retold.row = subscriptions.row)
WHERE EXISTS (SELECT 1 FROM retold);
DROP TABLE retold;

-- A ledger that is older than itself, such as a backup that was put back, holds what it has not asked for yet.
CREATE TABLE unasked (
    row INTEGER PRIMARY KEY,  -- a subscription's
    looked INTEGER NOT NULL  -- 1: it was looked at, but not yet whether a payment of it is asked back
) STRICT;
CREATE TABLE unasked_providers (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    disputes INTEGER NOT NULL,  -- 1: its disputes were not listed yet
    PRIMARY KEY (provider, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE unasked_intents (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- When anything was last written, as far as a ledger of before tells.
INSERT INTO named_values (name, value)
SELECT 'written', CAST(max(at) AS TEXT) FROM (
    SELECT max(received_at) AS at FROM inbox
    UNION ALL SELECT max(at) FROM history
    UNION ALL SELECT max(checked_at) FROM members
) WHERE at IS NOT NULL HAVING max(at) IS NOT NULL
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
