-- What a bot of the first schema had written when it was stopped: a plan on sale, a payer with the role, one who
-- waits for it, a purchase that is not finished, a grant, a refund under way, an event and notices not dealt with.
INSERT INTO plans VALUES (3, 7, 'Gold', 'gold', '[71,72]', 'All of it', 0, 14, NULL);
INSERT INTO prices VALUES ('stripe', 'acct_1', 'price_1', 'prod_1', 500, 'eur', 'month', 1, 0, 1);
INSERT INTO plan_prices VALUES (3, 0, 'stripe', 'acct_1', 'price_1', 1);
INSERT INTO subscriptions (row, provider, account, id, customer_id, status, provider_status, items, created_at,
    period_start, period_end, paid_through, checkout_id, dispute, guild_id, member_id)
VALUES
    (1, 'stripe', 'acct_1', 'sub_1', 'cus_1', 'active', 'active',
     '[{"price":{"provider":"stripe","account":"acct_1","id":"price_1","product_id":"prod_1","amount":500,"currency":"eur","interval":"month"},"quantity":1}]',
     1000, 1000, 9000000000, 9000000000, 'ck_1', 'none', 7, 8),
    (2, 'stripe', 'acct_1', 'sub_2', 'cus_2', 'ended', 'canceled', '[]', 1000, 1000, 2000, 2000, NULL, 'none', NULL, NULL);
INSERT INTO customers VALUES ('stripe', 'acct_1', 'cus_1', 8, 1000);
INSERT INTO checkouts (id, provider, account, guild_id, member_id, plan_id, price_id, created_at, session_id,
    expires_at, subscription_id)
VALUES ('ck_1', 'stripe', 'acct_1', 7, 8, 3, 'price_1', 900, 'cs_1', 90000, 'sub_1'),
    ('ck_2', 'stripe', 'acct_1', 7, 9, 3, 'price_1', 5000, 'cs_2', 9000000000, NULL);
INSERT INTO members VALUES (7, 8, 4, NULL, NULL, NULL, 0, NULL, 9000000000, NULL, 6000),
    (7, 9, 2, 'grant', 5000, 5000, 0, NULL, NULL, NULL, NULL);
INSERT INTO role_grants VALUES (7, 8, 71, 1100), (7, 8, 72, 1100);
INSERT INTO overrides VALUES (1, 'd_1', 7, 9, 3, 'grant', 5000, NULL, 'a prize', 1, 5000, NULL, NULL, NULL);
INSERT INTO intents VALUES (1, 'd_2-1', 'refund_last_payment', 'stripe', 'acct_1', 'sub_1', 1, 'asked for it', 5500, 'pending', 2,
    9000000000, NULL, NULL, NULL, '', 0);
INSERT INTO inbox VALUES (1, 'stripe', 'acct_1', 'evt_1', 'invoice.paid', 'subscription', 'sub_1', 6100, 6101, 6101, 0,
    NULL, NULL);
INSERT INTO notices VALUES (1, 'n_1', 7, 8, 'of another version', '{}', 6000, 6000, 0, NULL);
INSERT INTO history VALUES (1, 1100, 7, 8, 'roles', 'bot', 'paid', 'evt_0', '', '71 72');
INSERT INTO guild_settings VALUES (7, 77, 'https://example.org/terms', NULL, 1);
INSERT INTO named_values VALUES ('commands', 'abc');
