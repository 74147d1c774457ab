-- A price belongs to one plan of a server. `guild_id` is that server, and NULL where the plan is removed.
ALTER TABLE plan_prices ADD COLUMN guild_id INTEGER;
-- Prices that two plans of a server had until now: the older plan keeps it, as its roles were given all along.
CREATE TABLE price_conflicts (
    plan_id INTEGER NOT NULL REFERENCES plans (id),  -- the plan that lost it
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    price_id TEXT NOT NULL,
    PRIMARY KEY (plan_id, provider, account, price_id)
) STRICT, WITHOUT ROWID;
INSERT INTO price_conflicts (plan_id, provider, account, price_id)
SELECT DISTINCT plan_id, provider, account, price_id FROM plan_prices JOIN plans ON plans.id = plan_id
WHERE removed_at IS NULL AND EXISTS (
    SELECT 1 FROM plan_prices AS kept JOIN plans AS older ON older.id = kept.plan_id
    WHERE older.guild_id = plans.guild_id AND older.removed_at IS NULL AND older.id < plans.id
        AND kept.provider = plan_prices.provider AND kept.account = plan_prices.account
        AND kept.price_id = plan_prices.price_id);
DELETE FROM plan_prices WHERE (plan_id, provider, account, price_id) IN (
    SELECT plan_id, provider, account, price_id FROM price_conflicts);
DELETE FROM plan_prices WHERE EXISTS (
    SELECT 1 FROM plan_prices AS kept
    WHERE kept.plan_id = plan_prices.plan_id AND kept.position < plan_prices.position
        AND kept.provider = plan_prices.provider AND kept.account = plan_prices.account
        AND kept.price_id = plan_prices.price_id);
UPDATE plan_prices SET guild_id = (SELECT guild_id FROM plans WHERE id = plan_id AND removed_at IS NULL);
CREATE UNIQUE INDEX plan_prices_guild ON plan_prices (guild_id, provider, account, price_id)
    WHERE guild_id IS NOT NULL;
