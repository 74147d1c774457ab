-- What decides a subscription's charges beside its prices: JSON, empty where nothing does.
ALTER TABLE subscriptions ADD COLUMN terms TEXT NOT NULL DEFAULT '';
-- Whether a payment waits for its customer, who has to confirm it with their bank.
ALTER TABLE subscriptions ADD COLUMN needs_action INTEGER NOT NULL DEFAULT 0;
