-- Pages that led to no subscription yet: where the two are one, they are looked up at every sweep.
CREATE INDEX checkouts_waiting ON checkouts (provider, account, created_at)
    WHERE subscription_id IS NULL AND session_id IS NOT NULL;
