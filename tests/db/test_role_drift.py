"""The server-wide comparison in SQL says what the rules say."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from billing.model import Binding, Override, Plan, Subscription, SubscriptionKey
from billing.rules.access import decide
from billing.rules.roles import roles_of
from db.queries.members import record_overrides
from db.queries.plans import load_plans, record_plan
from db.queries.reconcile_queue import record_granting, record_queued_members
from db.queries.subscriptions import put
from db.sqlite import role_drift
from db.sqlite.drifted_members import load_group
from db.sqlite.schema import load_migrations, prepare
from tests.contract.ledger import nouns
from tests.rules.builders import GUILD, OTHER_GUILD
from tests.rules.strategies import GRACES, MOMENTS, OVERRIDES, plan_lists, subscriptions

MEMBERS = st.integers(1, 6)
GRANTS = st.sets(st.tuples(MEMBERS, st.integers(1, 6)))


def a_ledger() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db, load_migrations())
    db.executemany(
        "INSERT INTO members (guild_id, member_id, version) VALUES (?, ?, 1)",
        [(GUILD, n) for n in range(1, 7)],
    )
    return db


def fill(
    db: sqlite3.Connection,
    plans: list[Plan],
    bought: list[tuple[Subscription, int]],
    grants: set[tuple[int, int]],
    overrides: list[Override],
) -> list[tuple[Subscription, int]]:
    """Everything recorded; the subscriptions as they are by then, with their members."""
    taken: set[tuple[str, str, str]] = set()
    for number, plan in enumerate(plans):
        former = tuple(p for p in (*plan.prices, *plan.former_prices) if p.key not in taken)
        if plan.removed_at is None:
            taken |= {p.key for p in former}
        record_plan(db, replace(plan, id=0, name=str(number), prices=(), former_prices=former), "test", 0)
    kept = []
    for number, (subscription, member) in enumerate(bought):
        key = SubscriptionKey("stripe", "test", str(number))
        kept.append((replace(subscription, key=key, binding=Binding(GUILD, member)), member))
        put(db, None, kept[-1][0])
        elsewhere = replace(kept[-1][0], key=replace(key, id=f"{key.id}x"))
        put(db, None, replace(elsewhere, binding=Binding(OTHER_GUILD, member)))
    for member, role in grants:
        record_granting(db, GUILD, member, role, 0)
    record_overrides(db, overrides, [], [], 0)
    db.execute("UPDATE members SET next_try_at = NULL")
    return kept


def found(db: sqlite3.Connection, at: int, grace: int, size: int) -> set[int]:
    look, members = role_drift.DriftScan.begin(db, GUILD, at, grace), set[int]()
    after: int | None = 0
    with patch.object(role_drift, "SLICE", size):
        while after is not None:
            part, after = role_drift.load_slice(db, look, after)
            members |= part
    return members


def together(db: sqlite3.Connection, at: int, grace: int) -> set[int]:
    """The members who differ, by the comparison of many small servers at once."""
    return {member.member_id for member in load_group(db, 0, at, grace).drifted if member.guild_id == GUILD}


@given(
    plan_lists(),
    st.lists(st.tuples(subscriptions(), MEMBERS), max_size=8),
    GRANTS,
    st.lists(st.tuples(OVERRIDES, MEMBERS), max_size=2),
    st.tuples(MOMENTS, GRACES, st.integers(1, 7)),
)
def test_the_drift_scan_finds_exactly_the_members_who_differ_from_the_rules(
    plans: list[Plan],
    bought: list[tuple[Subscription, int]],
    grants: set[tuple[int, int]],
    ruled: list[tuple[Override, int]],
    when: tuple[int, int, int],
) -> None:
    at, grace, size = when
    db = a_ledger()
    overrides = [replace(override, member_id=member) for override, member in ruled]
    bought = fill(db, plans, bought, grants, overrides)
    plans = load_plans(db, GUILD, removed=True)
    named = {override.member_id for override in overrides}
    for member in range(1, 7):
        own = [subscription for subscription, whose in bought if whose == member]
        desired = roles_of(decide(own, [], plans, at, grace), plans, held=False)
        if desired != {role for whose, role in grants if whose == member}:
            named.add(member)
    assert found(db, at, grace, size) == named
    assert together(db, at, grace) == (named if plans else set())
    db.close()


def test_the_drift_scan_leaves_out_queued_and_parked_members() -> None:
    db = a_ledger()
    for member in (1, 2, 3, 9):
        record_granting(db, GUILD, member, 71, 0)
    record_queued_members(db, [Binding(GUILD, 1)], "event", 10)
    db.execute("UPDATE members SET parked = 'Gone.' WHERE member_id = 2")
    assert found(db, 20, 0, 2) == {3, 9}
    record_plan(db, nouns.plan(guild_id=GUILD), "test", 0)
    assert together(db, 20, 0) == {3, 9}
    db.close()


def test_slices_of_the_drift_scan_stay_small_where_ids_lie_close() -> None:
    db = a_ledger()
    members = [*range(100, 10_000, 100), *range(10_000, 20_000, 20)]
    db.executemany(
        "INSERT INTO members (guild_id, member_id, version) VALUES (?, ?, 1)", [(8, m) for m in members]
    )
    for member in members:
        record_granting(db, 8, member, 71, 0)
    look, slices = role_drift.DriftScan.begin(db, 8, 20, 0), list[int]()
    after: int | None = 0
    with patch.object(role_drift, "SLICE", 10):
        while after is not None:
            part, after = role_drift.load_slice(db, look, after)
            slices.append(len(part))
    assert sum(slices) == len(members)
    assert len(slices) > len(members) / 15
    assert sorted(slices)[-2] <= 21, "more than one slice was far too large"
