-- How it is known whose a subscription is. Until now it was always by a payment page.
ALTER TABLE subscriptions ADD COLUMN bound_by TEXT NOT NULL DEFAULT 'page';
