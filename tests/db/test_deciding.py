"""A member is reconciled after every change of their subscription on which the rules decide differently."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.model import PLAIN, Binding, Item, Subscription
from billing.ports import SyncResult
from billing.rules.access import decide, next_change
from db.queries.plans import load_plans, record_plan
from db.queries.reconcile_queue import load_queued_members
from db.queries.snapshots import record_synced
from db.queries.subscriptions import load_subscription
from db.sqlite.schema import load_migrations, prepare
from tests.rules.builders import GUILD, MEMBER, make_key, make_plan, make_price, make_subscription
from tests.rules.strategies import GRACES, MAYBE, MOMENTS, PRICES

ANNA = Binding(GUILD, MEMBER)
ITEMS = st.lists(st.builds(Item, PRICES, st.integers(0, 2)), min_size=1, max_size=3).map(tuple)
# Later values of the same subscription, field by field; new fields are included automatically.
KINDS = {name: kind for name, kind in get_type_hints(Subscription).items() if isinstance(kind, type)}
LATER: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.sampled_from(kind) for name, kind in KINDS.items() if issubclass(kind, StrEnum)},
    **{name: st.booleans() for name, kind in KINDS.items() if kind is bool},
    **{name: st.sampled_from(["a", "b"]) for name, kind in KINDS.items() if kind is str},
    "terms": st.sampled_from([PLAIN, replace(PLAIN, paused=True)]),
    "items": ITEMS,
    "created_at": MOMENTS,
    "period_start": MAYBE,
    "period_end": MAYBE,
    "ends_at": MAYBE,
    "ended_at": MAYBE,
    "trial_end": MAYBE,
    "unpaid_since": MAYBE,
    "paid_through": MAYBE,
    "checkout_id": st.sampled_from([None, "ours"]),
    "binding": st.just(ANNA),
}


def recorded(db: sqlite3.Connection, sub: Subscription, at: int) -> Subscription:
    record_synced(db, SyncResult(sub, "provider", "fetched", "evt", at))
    found = load_subscription(db, sub.key)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def db() -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db, load_migrations())
    for number, price in enumerate(("a", "c"), 1):
        record_plan(db, replace(make_plan(0, number, prices=(make_price(price, price),)), name=price), "", 0)
    yield db
    db.close()


@given(st.fixed_dictionaries(LATER), st.fixed_dictionaries({}, optional=LATER), MOMENTS, MOMENTS, GRACES)
def test_a_member_is_queued_whenever_their_roles_or_times_change(
    db: sqlite3.Connection, first: dict[str, Any], later: dict[str, Any], at: int, look: int, grace: int
) -> None:
    db.execute("DELETE FROM subscriptions")
    before = recorded(db, replace(make_subscription(), **first), at)
    db.execute("DELETE FROM members")
    after = recorded(db, replace(before, **later), at)
    plans = load_plans(db, GUILD, removed=True)
    one, other = (
        (decide([sub], [], plans, look, grace), next_change([sub], [], look, grace))
        for sub in (before, after)
    )
    if one != other:
        assert [mark.member_id for mark in load_queued_members(db, 99, 9)] == [MEMBER]


@pytest.mark.parametrize(("was", "becomes"), [(1, 0), (0, 1), (2, 0)])
def test_a_quantity_set_to_zero_or_back_queues_the_member(
    db: sqlite3.Connection, was: int, becomes: int
) -> None:
    db.execute("DELETE FROM subscriptions")
    sub = make_subscription(items=(Item(make_price("a", "a"), was),), binding=ANNA)
    recorded(db, sub, 10)
    db.execute("DELETE FROM members")
    recorded(db, replace(sub, items=(Item(make_price("a", "a"), becomes),)), 20)
    assert [mark.member_id for mark in load_queued_members(db, 99, 9)] == [MEMBER]


def test_a_plain_renewal_or_a_second_seat_queues_nobody(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM subscriptions")
    sub = make_subscription(items=(Item(make_price("a", "a"), 1),), binding=ANNA)
    recorded(db, sub, 10)
    db.execute("DELETE FROM members")
    recorded(db, replace(sub, period_start=50, period_end=99, items=(Item(make_price("a", "a"), 2),)), 20)
    assert load_queued_members(db, 99, 9) == []
    assert load_subscription(db, make_key()) != sub
