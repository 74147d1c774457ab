"""Which roles change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from billing.model import Entitlement
from billing.rules.roles import Changes, diff, roles_of
from tests.rules.builders import make_plan

ROLES = st.frozensets(st.integers(1, 8))


@given(ROLES, ROLES, ROLES, ROLES)
def test_a_role_that_the_bot_did_not_grant_is_never_taken(
    desired: frozenset[int], held: frozenset[int], actual: frozenset[int], ours: frozenset[int]
) -> None:
    assert set(diff(desired, held, actual, ours).take) <= ours


@given(ROLES, ROLES, ROLES, ROLES)
def test_a_role_with_an_unknown_right_is_neither_given_nor_taken(
    desired: frozenset[int], held: frozenset[int], actual: frozenset[int], ours: frozenset[int]
) -> None:
    changes = diff(desired, held, actual, ours)
    assert not (held - desired) & {*changes.give, *changes.take}


@given(ROLES, ROLES, ROLES, ROLES)
def test_applying_a_role_diff_leaves_no_diff(
    desired: frozenset[int], held: frozenset[int], actual: frozenset[int], ours: frozenset[int]
) -> None:
    changes = diff(desired, held, actual, ours)
    assert not {*changes.give} & {*changes.take}
    assert not {*changes.give} & actual
    assert {*changes.take} <= actual
    after = (actual | {*changes.give}) - {*changes.take}
    assert desired <= after
    assert after - desired - held <= actual - ours
    assert diff(desired, held, after, ours | {*changes.give}) == Changes()


def test_a_role_diff_lists_roles_to_give_and_to_take() -> None:
    assert diff(frozenset({3, 2}), frozenset(), frozenset({4, 5, 6}), frozenset({4, 5})) == Changes(
        (2, 3), (4, 5)
    )


def test_plans_with_unknown_rights_are_kept_apart_from_certain_ones() -> None:
    plans = [make_plan(1, 10, 11), make_plan(2, 11, 12), make_plan(3, 13)]
    entitled = [Entitlement(1, None, ""), Entitlement(2, None, "", held=True)]
    assert roles_of(entitled, plans, held=False) == {10, 11}
    assert roles_of(entitled, plans, held=True) == {11, 12}
