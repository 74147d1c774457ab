"""Members who have yet to pass the server's membership screening: no role lets them past it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import MembershipPending
from billing.model import Status
from billing.use_cases.audit_members import audit_members
from tests.rules.builders import GUILD, MEMBER, ROLE
from tests.rules.harness import RulesHarness

WHO = (GUILD, MEMBER)


async def sweep(world: RulesHarness) -> None:
    world.clock.advance(60)
    await audit_members(world.ports)
    await world.settle()


@pytest.fixture
async def pending(world: RulesHarness) -> RulesHarness:
    """Somebody has paid before they accepted the server's rules."""
    await world.add_plan()
    world.roles.pending.add(WHO)
    await world.subscribe()
    return world


async def test_a_paying_member_gets_no_role_before_screening(pending: RulesHarness) -> None:
    assert pending.roles.changes() == []
    assert await pending.ledger.load_parked(GUILD, 0, 999) == [(MEMBER, (MembershipPending.user_message,))]
    assert (await pending.ledger.load_member_state(*WHO)).granted == frozenset()
    assert pending.told("role_refused") == []


async def test_an_unscreened_member_is_told_once_what_to_do(pending: RulesHarness) -> None:
    await pending.enqueue()
    await pending.settle()
    (notice,) = pending.told("screening")
    assert notice.member_id == MEMBER


async def test_the_sweep_after_screening_gives_the_role(pending: RulesHarness) -> None:
    pending.roles.pending.clear()
    await sweep(pending)
    assert pending.roles_of() == {ROLE}
    assert await pending.ledger.load_parked(GUILD, 0, 999) == []


async def test_an_unscreened_member_costs_no_call_in_a_sweep(pending: RulesHarness) -> None:
    before = len(pending.roles.log)
    for _ in range(3):
        await sweep(pending)
    assert len(pending.roles.log) == before


async def test_an_unscreened_member_keeps_a_role_they_have(paying: RulesHarness) -> None:
    paying.roles.pending.add(WHO)
    await paying.enqueue()
    await sweep(paying)
    assert paying.roles_of() == {ROLE}
    await paying.change(replace(await paying.recorded(), status=Status.ENDED))
    assert paying.roles_of() == set()


async def test_a_payment_that_ends_before_screening_ends_the_wait(pending: RulesHarness) -> None:
    await pending.change(replace(await pending.recorded(), status=Status.ENDED))
    assert await pending.ledger.load_parked(GUILD, 0, 999) == []
    pending.roles.pending.clear()
    await sweep(pending)
    assert pending.roles.changes() == []
