-- One row a dispute: a payer may ask back several payments of one subscription.
CREATE TABLE disputes (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    subscription_id TEXT,
    state TEXT NOT NULL,
    PRIMARY KEY (provider, account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX disputes_subscription ON disputes (provider, account, subscription_id);
