-- Times are unix seconds UTC. Discord's ids are 64-bit integers, a provider's ids are text.

CREATE TABLE inbox (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject_kind TEXT,
    subject_id TEXT,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    next_try_at INTEGER,  -- NULL once its subscriptions are marked
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    done_at INTEGER,
    UNIQUE (provider, account, event_id)
) STRICT;
CREATE INDEX inbox_undone ON inbox (next_try_at, received_at) WHERE done_at IS NULL;
CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;

-- Which unfinished event rang for which subscription, at which version of its mark.
CREATE TABLE rings (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    inbox_id INTEGER NOT NULL REFERENCES inbox (id),
    version INTEGER NOT NULL,
    PRIMARY KEY (provider, account, subscription_id, inbox_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX rings_event ON rings (inbox_id);

-- Subscriptions to be fetched, known or not. A version is never used twice, for any subscription.
CREATE TABLE stale (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    evidence TEXT NOT NULL,
    since INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    UNIQUE (provider, account, subscription_id)
) STRICT;
CREATE INDEX stale_next ON stale (next_try_at, since);

-- No index holds a column that a plain renewal rewrites.
CREATE TABLE subscriptions (
    row INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    status TEXT NOT NULL,
    provider_status TEXT NOT NULL,
    items TEXT NOT NULL,  -- JSON: [{"price": {...}, "quantity": 1}, ...]
    created_at INTEGER NOT NULL,
    period_start INTEGER,
    period_end INTEGER,
    ends_at INTEGER,
    ended_at INTEGER,
    trial_end INTEGER,
    unpaid_since INTEGER,
    collection_void_since INTEGER,
    paid_through INTEGER,
    checkout_id TEXT,
    dispute TEXT NOT NULL,
    guild_id INTEGER,
    member_id INTEGER,
    UNIQUE (provider, account, id),
    CHECK ((guild_id IS NULL) = (member_id IS NULL))
) STRICT;
CREATE INDEX subscriptions_customer ON subscriptions (customer_id);
CREATE INDEX subscriptions_member ON subscriptions (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX subscriptions_guild ON subscriptions (guild_id) WHERE guild_id IS NOT NULL;
CREATE INDEX subscriptions_unbound ON subscriptions (provider, account)
    WHERE member_id IS NULL AND status <> 'ended';

CREATE TABLE customers (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    member_id INTEGER NOT NULL,
    tied_at INTEGER NOT NULL,
    PRIMARY KEY (provider, account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkouts (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    guild_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    plan_id INTEGER NOT NULL,
    price_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    session_id TEXT,
    expires_at INTEGER,
    subscription_id TEXT
) STRICT, WITHOUT ROWID;

-- Marked for convergence while next_try_at is set; watched by the sweep while checked_at is set.
CREATE TABLE members (
    guild_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    why TEXT,
    marked_at INTEGER,
    next_try_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    due_at INTEGER,
    parked TEXT,
    checked_at INTEGER,
    PRIMARY KEY (guild_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_marked ON members (next_try_at, marked_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX members_due ON members (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX members_checked ON members (checked_at) WHERE checked_at IS NOT NULL;
CREATE INDEX members_parked ON members (guild_id) WHERE parked IS NOT NULL;

CREATE TABLE role_grants (
    guild_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    role_id INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (guild_id, member_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    role_ids TEXT NOT NULL,  -- JSON: [1, 2]
    description TEXT NOT NULL,
    hidden INTEGER NOT NULL,
    trial_days INTEGER,
    removed_at INTEGER
) STRICT;
CREATE INDEX plans_guild ON plans (guild_id);
CREATE UNIQUE INDEX plans_name ON plans (guild_id, folded_name) WHERE removed_at IS NULL;

CREATE TABLE prices (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    interval TEXT NOT NULL,
    interval_count INTEGER NOT NULL,
    trial_days INTEGER NOT NULL,
    active INTEGER NOT NULL,
    PRIMARY KEY (provider, account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_prices (
    plan_id INTEGER NOT NULL REFERENCES plans (id),
    position INTEGER NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    price_id TEXT NOT NULL,
    on_sale INTEGER NOT NULL,
    PRIMARY KEY (plan_id, position),
    FOREIGN KEY (provider, account, price_id) REFERENCES prices (provider, account, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX plan_prices_on_sale ON plan_prices (plan_id, provider) WHERE on_sale;

CREATE TABLE overrides (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    decision_id TEXT NOT NULL,
    guild_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    plan_id INTEGER,
    kind TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    until INTEGER,
    reason TEXT NOT NULL,
    decided_by INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    lifted_at INTEGER,
    lifted_by INTEGER,
    lifted_reason TEXT
) STRICT;
CREATE INDEX overrides_member ON overrides (guild_id, member_id) WHERE lifted_at IS NULL;
CREATE INDEX overrides_decision ON overrides (decision_id);

CREATE TABLE intents (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    asked_by INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    payment_id TEXT,
    refunded_amount INTEGER,
    refunded_currency TEXT,
    outcome TEXT NOT NULL,
    receipt INTEGER NOT NULL
) STRICT;
CREATE INDEX intents_subscription ON intents (provider, account, subscription_id);
CREATE INDEX intents_next ON intents (next_attempt_at) WHERE state = 'pending';
CREATE UNIQUE INDEX intents_pending ON intents (provider, account, subscription_id, kind)
    WHERE state = 'pending';

-- To be sent while next_try_at is set; shown at the next command where neither that nor told_at is.
CREATE TABLE notices (
    row INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    guild_id INTEGER NOT NULL,
    member_id INTEGER,
    kind TEXT NOT NULL,
    facts TEXT NOT NULL,  -- JSON object
    created_at INTEGER NOT NULL,
    next_try_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    told_at INTEGER
) STRICT;
CREATE INDEX notices_next ON notices (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notices_untold ON notices (member_id) WHERE told_at IS NULL AND next_try_at IS NULL;

CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    guild_id INTEGER,
    member_id INTEGER,
    subject TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    evidence TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
) STRICT;
CREATE INDEX history_member ON history (guild_id, member_id) WHERE member_id IS NOT NULL;
CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON history
BEGIN
    SELECT raise(ABORT, 'history is append-only');
END;
CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history
BEGIN
    SELECT raise(ABORT, 'history is append-only');
END;

CREATE TABLE guild_settings (
    guild_id INTEGER PRIMARY KEY,
    notice_channel_id INTEGER,
    terms_url TEXT,
    privacy_url TEXT,
    plan_switching INTEGER NOT NULL
) STRICT;

CREATE TABLE named_values (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
