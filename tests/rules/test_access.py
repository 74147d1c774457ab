"""Access by status, and properties that hold for every input."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.model import (
    DisputeState,
    Entitlement,
    Item,
    Override,
    OverrideKind,
    Plan,
    Price,
    Status,
    Subscription,
)
from billing.rules.access import (
    TABLE,
    Access,
    block_on,
    decide,
    decide_right,
    next_change,
    plan_of,
    plans_of,
)
from tests.rules.builders import make_override, make_plan, make_price, make_subscription
from tests.rules.strategies import GRACES, MOMENTS, OVERRIDES, PRICES, plan_lists, subscriptions

NOW = 20
SUBSCRIPTIONS = st.lists(subscriptions(), max_size=3)
OVERRIDE_LISTS = st.lists(OVERRIDES, max_size=3)


def test_every_status_has_a_row_in_the_access_table() -> None:
    assert set(TABLE) == set(Status)


def test_only_money_that_arrived_gives_full_access() -> None:
    """The published table, repeated so that no row changes by accident."""
    assert {status for status, access in TABLE.items() if access is Access.FULL} == {"trialing", "active"}
    assert {status for status, access in TABLE.items() if access is Access.GRACE} == {"past_due"}
    assert {status for status, access in TABLE.items() if access is Access.HOLD} == {"unknown"}
    assert {status for status, access in TABLE.items() if access is Access.NONE} == {"pending", "unpaid"}


RIGHTS = [
    # status, facts, until and held (None: no right)
    (Status.PENDING, {"period_end": 99}, None),
    (Status.TRIALING, {}, (None, False)),
    (Status.ACTIVE, {}, (None, False)),
    (Status.ACTIVE, {"period_end": 1}, (None, False)),
    (Status.ACTIVE, {"ends_at": NOW + 1}, (NOW + 1, False)),
    (Status.ACTIVE, {"ends_at": NOW}, None),
    (Status.PAST_DUE, {"unpaid_since": NOW - 4}, (NOW + 1, False)),
    (Status.PAST_DUE, {"unpaid_since": NOW - 5}, None),
    (Status.PAST_DUE, {"unpaid_since": NOW - 4, "ends_at": NOW}, None),
    (Status.PAST_DUE, {}, (None, True)),
    (Status.UNPAID, {"unpaid_since": NOW}, None),
    (Status.PAUSED, {}, None),
    (Status.PAUSED, {"paid_through": NOW + 1}, (NOW + 1, False)),
    (Status.ENDED, {"period_end": 99}, None),
    (Status.ENDED, {"paid_through": NOW + 1}, (NOW + 1, False)),
    (Status.ENDED, {"paid_through": NOW}, None),
    (Status.UNKNOWN, {}, (None, True)),
    (Status.ACTIVE, {"dispute": DisputeState.OPEN}, None),
    (Status.ACTIVE, {"dispute": DisputeState.LOST}, None),
    (Status.ACTIVE, {"dispute": DisputeState.WON}, (None, False)),
]


@pytest.mark.parametrize(("status", "facts", "gives"), RIGHTS)
def test_each_row_of_the_access_table_gives_its_access(
    status: Status, facts: dict[str, Any], gives: tuple[int | None, bool] | None
) -> None:
    right = decide_right(make_subscription(status=status, **facts), NOW, grace=5)
    assert (None if right is None else (right.until, right.held)) == gives


def test_the_cases_of_the_access_table_cover_every_status() -> None:
    assert {status for status, _, _ in RIGHTS} == set(Status)


@given(subscriptions(Status.ENDED), MOMENTS, GRACES)
def test_an_ended_subscription_gives_nothing_beyond_its_paid_time(
    sub: Subscription, now: int, grace: int
) -> None:
    if decide_right(sub, now, grace) is not None:
        assert sub.paid_through is not None
        assert now < sub.paid_through


@given(subscriptions(), MOMENTS, GRACES)
def test_an_entitlement_ends_only_in_the_future(sub: Subscription, now: int, grace: int) -> None:
    right = decide_right(sub, now, grace)
    assert right is None or right.until is None or right.until > now


@given(SUBSCRIPTIONS, OVERRIDE_LISTS, plan_lists(), MOMENTS, GRACES)
def test_no_entitlement_changes_before_the_next_change(
    subs: list[Subscription], overrides: list[Override], plans: list[Plan], now: int, grace: int
) -> None:
    change = next_change(subs, overrides, now, grace)
    assert change is None or change > now
    last = 60 if change is None else change - 1
    assert decide(subs, overrides, plans, now, grace) == decide(subs, overrides, plans, last, grace)


def test_an_entitlement_changes_exactly_at_the_next_change() -> None:
    sub = make_subscription(ends_at=NOW + 5)
    blocks = [make_override(1, starts_at=NOW + 7), make_override(2, starts_at=3, until=NOW + 9)]
    assert next_change([sub], blocks, NOW, 0) == NOW + 5
    assert next_change([sub], blocks, NOW + 5, 0) == NOW + 7
    assert next_change([sub], blocks, NOW + 7, 0) == NOW + 9
    assert next_change([sub], blocks, NOW + 9, 0) is None
    assert decide([sub], [], [make_plan()], NOW + 5, 0) == []


@given(SUBSCRIPTIONS, OVERRIDE_LISTS, plan_lists(), MOMENTS, GRACES)
def test_a_block_takes_precedence_over_everything(
    subs: list[Subscription], overrides: list[Override], plans: list[Plan], now: int, grace: int
) -> None:
    everything = make_override(None)
    assert decide(subs, [*overrides, everything], plans, now, grace) == []
    one = make_override(1)
    assert {e.plan_id for e in decide(subs, [*overrides, one], plans, now, grace)} == {
        e.plan_id for e in decide(subs, overrides, plans, now, grace)
    } - {1}


@pytest.mark.parametrize(("now", "blocked"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_block_applies_from_its_start_until_its_end(now: int, *, blocked: bool) -> None:
    block = make_override(1, starts_at=10, until=20)
    assert (decide([make_subscription()], [block], [make_plan()], now, 0) == []) is blocked


def certain(entitlements: list[Entitlement]) -> set[int]:
    return {e.plan_id for e in entitlements if not e.held}


@given(SUBSCRIPTIONS, subscriptions(), OVERRIDE_LISTS, plan_lists(), MOMENTS, GRACES)
def test_another_subscription_removes_no_entitlement(
    subs: list[Subscription],
    another: Subscription,
    overrides: list[Override],
    plans: list[Plan],
    now: int,
    grace: int,
) -> None:
    before = decide(subs, overrides, plans, now, grace)
    after = {e.plan_id: e for e in decide([*subs, another], overrides, plans, now, grace)}
    for old in before:
        new = after[old.plan_id]
        assert old.held or not new.held
        if old.held == new.held:
            assert new.until is None or (old.until is not None and new.until >= old.until)


@given(SUBSCRIPTIONS, SUBSCRIPTIONS, plan_lists(), MOMENTS, GRACES)
def test_entitlements_of_several_sources_add_up(
    some: list[Subscription], others: list[Subscription], plans: list[Plan], now: int, grace: int
) -> None:
    both = decide([*some, *others], [], plans, now, grace)
    apart = [decide(some, [], plans, now, grace), decide(others, [], plans, now, grace)]
    assert certain(both) == certain(apart[0]) | certain(apart[1])
    assert len({e.plan_id for e in both}) == len(both)


@given(SUBSCRIPTIONS, OVERRIDE_LISTS, plan_lists(), MOMENTS, GRACES)
def test_the_order_of_sources_does_not_change_entitlements(
    subs: list[Subscription], overrides: list[Override], plans: list[Plan], now: int, grace: int
) -> None:
    def gist(entitlements: list[Entitlement]) -> set[tuple[int, int | None, bool]]:
        return {(e.plan_id, e.until, e.held) for e in entitlements}

    one = decide(subs, overrides, plans, now, grace)
    assert gist(one) == gist(decide(subs[::-1], overrides[::-1], plans, now, grace))


@given(SUBSCRIPTIONS, OVERRIDE_LISTS, plan_lists(), MOMENTS, GRACES)
def test_nobody_is_entitled_without_a_source(
    subs: list[Subscription], overrides: list[Override], plans: list[Plan], now: int, grace: int
) -> None:
    """Every right comes from money or from an admin's grant."""
    paid = {p.id for s in subs if decide_right(s, now, grace) for p in plans_of(s, plans)}
    grants = [o for o in overrides if o.kind is OverrideKind.GRANT]
    given_ = {p.id for p in plans for o in grants if o.covers(p.id, now)}
    assert {e.plan_id for e in decide(subs, overrides, plans, now, grace)} <= paid | given_


def test_the_longest_certain_source_of_a_plan_counts() -> None:
    """From the strongest to the weakest source, in any order."""
    sources = [
        make_subscription(),
        make_subscription(ends_at=NOW + 9),
        make_subscription(ends_at=NOW + 5),
        make_subscription(status=Status.UNKNOWN),
    ]
    for stronger, weaker in itertools.combinations(sources, 2):
        alone = decide([stronger], [], [make_plan()], NOW, 0)
        assert decide([stronger, weaker], [], [make_plan()], NOW, 0) == alone
        assert decide([weaker, stronger], [], [make_plan()], NOW, 0) == alone


def test_a_grant_gives_access_without_payment() -> None:
    grant = make_override(1, OverrideKind.GRANT, until=NOW + 1)
    assert decide([], [grant], [make_plan()], NOW, 0) == [Entitlement(1, NOW + 1, "")]
    assert decide([], [grant], [make_plan()], NOW + 1, 0) == []


def test_a_grant_and_a_subscription_add_up() -> None:
    plans = [make_plan(1), make_plan(2, prices=())]
    grant = make_override(2, OverrideKind.GRANT)
    assert {e.plan_id for e in decide([make_subscription()], [grant], plans, NOW, 0)} == {1, 2}


def test_a_plan_with_the_exact_price_comes_before_one_with_the_product() -> None:
    by_product = make_plan(1, prices=(make_price("old", "prod"),))
    by_price = make_plan(2, prices=(make_price("new", "prod"),))
    assert plan_of(make_price("new", "prod"), [by_product, by_price]) == by_price
    assert plan_of(make_price("newest", "prod"), [by_price, by_product]) == by_product


def test_a_former_price_still_pays_for_its_plan() -> None:
    plan = make_plan(1, prices=(make_price("new", "p2"),), former_prices=(make_price("old", "p1"),))
    assert plan_of(make_price("old", "p1"), [plan]) == plan
    assert plan_of(make_price("replaced", "p1"), [plan]) == plan


def test_a_plan_on_sale_comes_before_a_removed_one() -> None:
    removed, on_sale = make_plan(1, removed_at=3), make_plan(2)
    assert plan_of(make_price(), [removed, on_sale]) == on_sale
    assert plan_of(make_price(), [removed]) == removed


@pytest.mark.parametrize(
    "foreign", [{"provider": "paypal"}, {"account": "live"}, {"product_id": "other", "id": "x"}]
)
def test_a_price_that_no_plan_sells_pays_for_no_plan(foreign: dict[str, str]) -> None:
    assert plan_of(replace(make_price(), **foreign), [make_plan()]) is None  # type: ignore[arg-type]  # all strings


@given(PRICES, plan_lists())
def test_a_payer_of_a_plans_price_always_has_a_plan(price: Price, plans: list[Plan]) -> None:
    sold = any(
        price.product_id == p.product_id for plan in plans for p in (*plan.prices, *plan.former_prices)
    )
    assert (plan_of(price, plans) is not None) is sold


def test_a_subscription_of_several_items_pays_for_each_plan_once() -> None:
    plans = [make_plan(1, prices=(make_price("a", "x"),)), make_plan(2, prices=(make_price("b", "y"),))]
    items = tuple(Item(make_price(*which)) for which in [("b", "y"), ("a", "x"), ("b", "y"), ("c", "z")])
    assert plans_of(make_subscription(items=items), plans) == [plans[1], plans[0]]


def test_an_item_of_quantity_zero_gives_nothing() -> None:
    plans = [make_plan(1, prices=(make_price("a", "x"),)), make_plan(2, prices=(make_price("b", "y"),))]
    items = (Item(make_price("a", "x"), 0), Item(make_price("b", "y"), 2))
    both, none = make_subscription(items=items), make_subscription("sub_2", items=items[:1])
    assert [e.plan_id for e in decide([both, none], [], plans, NOW, grace=5)] == [2]


def test_a_block_on_a_plan_is_found_before_it_begins() -> None:
    announced = make_override(2, starts_at=10**12)
    assert block_on([1, 2], [announced]) == announced
    assert block_on([1], [announced]) is None
    assert block_on([1], [make_override(1, OverrideKind.GRANT)]) is None
    everything = make_override(None)
    assert block_on([], [everything]) == everything
