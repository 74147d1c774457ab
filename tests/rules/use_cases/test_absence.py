"""Members who leave, and what of their roles is ours when they are there again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.model import Status
from billing.use_cases.audit_members import audit_members
from tests.rules.builders import DAY, GUILD, MEMBER, ROLE
from tests.rules.harness import RulesHarness


async def leave(world: RulesHarness, *, ended: bool = True) -> None:
    """Their subscription ends while they are away, and a look finds them gone."""
    world.roles.gone.add((GUILD, MEMBER))
    world.roles_of().clear()
    if ended:
        await world.change(replace(await world.recorded(), status=Status.ENDED))
    await world.enqueue()
    await world.settle()
    await sweep(world)


async def sweep(world: RulesHarness) -> None:
    """Look at everybody without an event."""
    world.clock.advance(60)
    await audit_members(world.ports)
    await world.settle()


async def test_a_role_given_back_by_another_bot_is_taken_at_the_first_check(paying: RulesHarness) -> None:
    await leave(paying)
    await paying.pass_time(9 * DAY)
    paying.roles.gone.clear()
    paying.roles_of().add(ROLE)
    await sweep(paying)
    assert paying.roles_of() == set()
    assert paying.told("role_refused") == []


async def test_a_paid_role_given_back_by_another_bot_goes_when_the_payment_ends(paying: RulesHarness) -> None:
    await leave(paying, ended=False)
    paying.roles.gone.clear()
    paying.roles_of().add(ROLE)
    await sweep(paying)
    assert paying.roles_of() == {ROLE}
    await paying.change(replace(await paying.recorded(), status=Status.ENDED))
    assert paying.roles_of() == set()


@pytest.mark.parametrize("ended_first", [True, False])
async def test_a_role_given_by_hand_after_the_first_check_is_never_taken(
    paying: RulesHarness, ended_first: bool
) -> None:
    if ended_first:
        await leave(paying)
    else:
        await leave(paying, ended=False)
        await paying.change(replace(await paying.recorded(), status=Status.ENDED))
    paying.roles.gone.clear()
    await sweep(paying)
    paying.roles_of().add(ROLE)
    await sweep(paying)
    await paying.enqueue()
    await paying.settle()
    assert paying.roles_of() == {ROLE}


async def test_an_absent_member_without_rights_costs_no_call_in_a_sweep(paying: RulesHarness) -> None:
    await leave(paying)
    before = len(paying.roles.log)
    for _ in range(3):
        await sweep(paying)
    assert len(paying.roles.log) == before


async def test_a_member_who_left_and_rejoined_between_sweeps_gets_paid_roles_back(
    paying: RulesHarness,
) -> None:
    paying.roles_of().clear()
    await sweep(paying)
    assert paying.roles_of() == {ROLE}
