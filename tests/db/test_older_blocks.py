"""Blocks of ledgers from before know which subscriptions they ended."""

from __future__ import annotations

import sqlite3

from billing.model import SubscriptionKey
from db.queries.members import load_decision
from db.sqlite.schema import load_migrations, prepare

BLOCK = (
    "INSERT INTO overrides (decision_id, guild_id, member_id, plan_id, kind, starts_at, reason, decided_by,"
    " created_at) VALUES (?, 7, 8, ?, 'block', 10, '', 9, 10)"
)
INTENT = (
    "INSERT INTO intents (id, kind, provider, account, subscription_id, asked_by, reason, created_at, state,"
    " attempts, next_attempt_at, outcome, receipt)"
    " VALUES (?, ?, 'stripe', 'acct', ?, 9, 'revoked', 10, 'done', 1, 10, '', 0)"
)


def test_a_block_of_an_older_version_gets_the_subscription_that_it_ended() -> None:
    """Where several plans end at several times, one of them must not end what is paid for another."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrations = load_migrations()
    (number,) = (n for n, text in enumerate(migrations) if "ADD COLUMN subscriptions" in text)
    prepare(db, migrations[:number])
    db.executemany(BLOCK, [("one", 1), ("two", 1), ("two", 2), ("none", 3)])
    kinds = ("cancel_at_period_end", "refund_last_payment")
    db.executemany(INTENT, [(f"one-sub_1-{kind}", kind, "sub_1") for kind in kinds])
    db.execute(INTENT, ("two-sub_2-cancel_now", kinds[0], "sub_2"))
    prepare(db, migrations)
    found = {name: [o.subscriptions for o in load_decision(db, name)] for name in ("one", "two", "none")}
    assert found == {"one": [(SubscriptionKey("stripe", "acct", "sub_1"),)], "two": [(), ()], "none": [()]}
    db.close()
