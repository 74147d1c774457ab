-- What a subscription is of: id, product, provider and account of each item's price, all that tells its plans.
ALTER TABLE subscriptions ADD COLUMN sold TEXT NOT NULL DEFAULT '[]';
UPDATE subscriptions SET sold = (
    SELECT json_group_array(json_array(
        json_extract(value, '$.price.id'), json_extract(value, '$.price.product_id'),
        json_extract(value, '$.price.provider'), json_extract(value, '$.price.account')
    )) FROM json_each(items)
);
-- Decides nothing any more: a pause of collection takes no roles.
ALTER TABLE subscriptions DROP COLUMN collection_void_since;
-- All that decides a server's roles, by member. A plain renewal rewrites none of it.
CREATE INDEX subscriptions_rights ON subscriptions (
    guild_id, member_id, sold, status, dispute, ends_at, unpaid_since, paid_through
) WHERE guild_id IS NOT NULL;
DROP INDEX subscriptions_guild;
