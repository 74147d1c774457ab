"""An older ledger: who waits is fetched first, and nothing is taken before a whole round was made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import ProviderUnavailable
from billing.model import DisputeState, OverrideKind, Status
from billing.use_cases.reconcile import reconcile_member
from billing.use_cases.restored_ledger import begin
from billing.use_cases.sweep import sweep
from tests.rules.builders import GRACE, MEMBER, ROLE, make_key, make_override
from tests.rules.harness import RulesHarness

HOUR = 3_600


async def old(world: RulesHarness) -> None:
    await world.ledger.record_value("older", "count")
    await begin(world.ports, HOUR)


async def test_a_restored_ledger_takes_no_role_before_a_full_listing(world: RulesHarness) -> None:
    """A newer subscription of the same member may show up only there."""
    await world.add_plan()
    sub = await world.subscribe()
    await old(world)
    await world.ledger.record_disputes_listed("stripe", "test", world.now)
    await world.change(replace(sub, status=Status.ENDED, provider_status="canceled", binding=None))
    assert world.roles_of() == {ROLE}
    assert await sweep(world.ports) == []
    await world.ledger.record_retry(world.now, world.now)
    await world.settle()
    assert world.roles_of() == set()


async def test_members_who_wait_for_a_role_are_fetched_first(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    world.roles_of().clear()
    await old(world)
    await world.ledger.record_stale([make_key("other")], "event", world.now)
    await world.ledger.record_queued_members([(await world.recorded()).binding], "test", world.now)  # type: ignore[list-item]  # it is bound
    (mark,) = await world.ledger.load_queued_members(world.now, 9)
    assert mark.member_id == MEMBER
    await reconcile_member(world.ports, mark)
    assert world.roles_of() == set()
    assert [stale.key.id for stale in await world.ledger.load_stale(world.now, 9)] == ["sub_1", "other"]


async def test_a_ledger_counts_as_restored_only_if_it_is_older_than_two_sweeps(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    for interval, silent, holds in ((HOUR, 2 * HOUR, 0), (1, 600, 0), (1, 601, 1), (HOUR, 2 * HOUR + 1, 1)):
        await world.ledger.record_value("written", str(world.now))
        world.clock.advance(silent)
        await begin(world.ports, interval)
        assert (await world.ledger.load_health(world.now)).unasked == holds
        await sweep(world.ports)
        await world.settle()


async def revoke_later(world: RulesHarness) -> None:
    """A revocation that takes the role in an hour, as the backup shows it."""
    block = make_override(None, OverrideKind.BLOCK, starts_at=world.now + HOUR, created_at=world.now)
    await world.ledger.record_overrides([block], [], [], world.now)
    world.clock.advance(2 * HOUR)


async def test_a_revocation_in_a_backup_takes_no_role_before_a_full_listing(
    world: RulesHarness,
) -> None:
    await world.add_plan()
    await world.subscribe()
    await revoke_later(world)
    await old(world)
    await world.settle()
    assert world.roles_of() == {ROLE}
    assert await sweep(world.ports) == []
    await world.ledger.record_retry(world.now, world.now)
    await world.settle()
    assert world.roles_of() == set()


async def test_an_admins_decision_after_a_restore_applies_at_once(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    await old(world)
    world.clock.advance(60)
    block = make_override(None, OverrideKind.BLOCK, starts_at=world.now, created_at=world.now)
    await world.ledger.record_overrides([block], [], [], world.now)
    await world.settle()
    assert world.roles_of() == set()


@pytest.mark.parametrize(("restored", "roles"), [(True, {ROLE}), (False, set())])
async def test_a_new_debt_after_a_restore_has_its_own_grace(
    world: RulesHarness, restored: bool, roles: set[int]
) -> None:
    """Without a restore a second unpaid invoice begins no second grace."""
    await world.add_plan()
    owing = await world.subscribe(status=Status.PAST_DUE, unpaid_since=world.now)
    world.clock.advance(GRACE - HOUR)
    if restored:
        await old(world)
    world.clock.advance(2 * HOUR)
    anew = replace(owing, unpaid_since=world.now - 60, binding=None)
    world.provider.subscriptions["sub_1"] = anew
    if not restored:
        await world.ledger.record_stale([anew.key], "test", world.now)
    assert await sweep(world.ports) == []
    await world.settle()
    await world.ledger.record_retry(world.now, world.now)
    await world.settle()
    assert world.roles_of() == roles


@pytest.mark.parametrize(("now_is", "ends"), [(DisputeState.WON, False), (DisputeState.LOST, True)])
async def test_a_restored_ledger_confirms_a_lost_dispute_before_stopping(
    world: RulesHarness, now_is: DisputeState, ends: bool
) -> None:
    await world.add_plan()
    await world.subscribe()
    world.provider.fail("cancel_now", ProviderUnavailable())
    world.provider.disputes["dp_1"] = ("sub_1", DisputeState.LOST)
    await world.ring("dispute", "dp_1")
    await world.settle()
    await old(world)
    world.provider.heal()
    world.provider.disputes["dp_1"] = ("sub_1", now_is)
    await world.pass_time(HOUR)
    statuses = [world.provider.subscriptions["sub_1"].status]
    assert await sweep(world.ports) == []
    await world.pass_time(6 * HOUR)
    statuses.append(world.provider.subscriptions["sub_1"].status)
    assert statuses == [Status.ACTIVE, Status.ENDED if ends else Status.ACTIVE]
