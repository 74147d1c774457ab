-- Plans are found by the price or the product that a subscription names, however many servers sell.
CREATE INDEX plan_prices_price ON plan_prices (provider, account, price_id);
CREATE INDEX prices_product ON prices (provider, account, product_id);
