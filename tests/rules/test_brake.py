"""How many may lose roles at once, and which removals do not count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.model import OverrideKind
from billing.rules.brake import allowed, ordered_roles
from tests.rules.builders import ROLE, SECOND_ROLE, make_override, make_plan

GOLD, SILVER = make_plan(1, ROLE), make_plan(2, SECOND_ROLE)


@pytest.mark.parametrize(
    ("holders", "may"), [(0, 5), (5, 5), (50, 5), (51, 6), (60, 6), (61, 7), (1_000, 100), (1_001, 101)]
)
def test_the_brake_allows_a_tenth_rounded_up_and_at_least_five(holders: int, may: int) -> None:
    assert allowed(holders) == may


@given(st.integers(0, 10**6))
def test_the_brake_never_allows_fewer_removals_for_more_members(holders: int) -> None:
    assert 5 <= allowed(holders) <= allowed(holders + 1) <= allowed(holders) + 1
    assert allowed(holders) * 10 >= holders


def test_a_removal_by_a_block_in_force_counts_as_ordered() -> None:
    assert ordered_roles([GOLD, SILVER], [make_override(GOLD.id)], 10) == {ROLE}
    assert ordered_roles([GOLD, SILVER], [make_override(None)], 10) == {ROLE, SECOND_ROLE}


def test_a_removal_by_an_inactive_override_does_not_count_as_ordered() -> None:
    later = make_override(None, starts_at=11)
    over = make_override(None, until=10)
    grant = make_override(None, OverrideKind.GRANT)
    assert ordered_roles([GOLD, SILVER], [later, over, grant], 10) == set()
