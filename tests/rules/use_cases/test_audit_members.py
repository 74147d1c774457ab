"""Members are checked without one call each, and only those who differ are queued."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import DiscordUnavailable, GuildGone, GuildOutage, LedgerUnavailable
from billing.model import OverrideKind
from billing.use_cases import audit_members as audit_module
from billing.use_cases.audit_members import audit_members
from tests.rules.builders import (
    FOREIGN_ROLE,
    GUILD,
    MEMBER,
    OTHER_GUILD,
    ROLE,
    make_override,
    make_plan,
)
from tests.rules.harness import RulesHarness


async def checked(world: RulesHarness) -> list[tuple[str, int]]:
    """The calls to Discord that the audit caused."""
    world.clock.advance(60)
    before = len(world.roles.log)
    await audit_members(world.ports)
    await world.settle()
    return world.roles.log[before:]


async def test_a_consistent_member_costs_no_call(paying: RulesHarness) -> None:
    paying.roles_of().add(FOREIGN_ROLE)
    assert await checked(paying) == []


async def test_a_role_from_before_the_bot_costs_no_call(world: RulesHarness) -> None:
    await world.add_plan()
    world.roles_of().add(ROLE)
    await world.subscribe()
    assert await checked(world) == []
    world.roles_of().clear()
    assert ("give", ROLE) in await checked(world)


async def test_a_role_taken_by_hand_is_given_back(paying: RulesHarness) -> None:
    paying.roles_of().clear()
    assert ("give", ROLE) in await checked(paying)
    assert await checked(paying) == []


async def test_a_member_whose_queue_entry_was_lost_is_found(paying: RulesHarness) -> None:
    """The rotation would skip them, because they were checked in this very second."""
    await paying.ledger._writer.run(lambda db: db.execute("UPDATE subscriptions SET status = 'ended'"))
    await audit_members(paying.ports)
    await paying.settle()
    assert paying.roles.changes()[-1] == ("take", ROLE)


async def test_a_member_who_left_is_fetched_once(paying: RulesHarness) -> None:
    paying.roles.gone.add((GUILD, MEMBER))
    assert ("fetch", MEMBER) in await checked(paying)
    assert len(await paying.ledger.load_parked(GUILD, 0, 999)) == 1
    assert await checked(paying) == []
    paying.roles.gone.clear()
    paying.roles_of().clear()
    assert ("give", ROLE) in await checked(paying)


async def test_a_server_without_the_bot_is_asked_once(paying: RulesHarness) -> None:
    paying.roles.faults |= {"look": GuildGone(), "fetch": GuildGone()}
    assert ("fetch", MEMBER) in await checked(paying)
    assert await checked(paying) == []
    paying.roles.faults.clear()
    assert ("fetch", MEMBER) in await checked(paying)
    assert await paying.ledger.load_parked(GUILD, 0, 999) == []


async def crowd(world: RulesHarness, size: int, guild_id: int = GUILD) -> None:
    """Members with a role from the bot for which none of them pays."""
    await world.add_plan(replace(make_plan(), guild_id=guild_id))
    for number in range(1, size + 1):
        world.roles_of(number, guild_id).add(ROLE)
        await world.ledger.record_granting(guild_id, number, ROLE, world.now)


async def test_without_the_gateway_a_limited_number_of_members_is_fetched_singly(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "ASKED_SINGLY", 102)
    await crowd(world, 120)
    world.roles.faults["look"] = DiscordUnavailable()
    await audit_members(world.ports)
    assert len(await world.ledger.load_queued_members(world.now, 999)) == 102


async def named_always(world: RulesHarness, size: int) -> None:
    """Members whom each round checks although they are consistent, because an admin has overridden them."""
    plan = await world.add_plan()
    for number in range(1, size + 1):
        world.roles_of(number).add(ROLE)
        await world.ledger.record_granting(GUILD, number, ROLE, world.now)
    word = make_override(plan.id, OverrideKind.GRANT)
    grants = [replace(word, member_id=number) for number in range(1, size + 1)]
    await world.ledger.record_overrides(grants, [], [], world.now)
    await world.settle()


async def test_members_that_drift_every_time_do_not_keep_others_from_a_check(
    world: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert GUILD < OTHER_GUILD
    monkeypatch.setattr(audit_module, "LOOKED_AT", 10)
    await named_always(world, 25)
    await crowd(world, 12, OTHER_GUILD)
    found = []
    for _ in range(4):
        await audit_members(world.ports)
        found.append(len(await world.ledger.load_queued_members(world.now, 999)))
        await world.settle()
    assert found == [0, 0, 5, 7]


async def test_members_fetched_singly_do_not_keep_others_from_a_check(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "ASKED_SINGLY", 10)
    await crowd(paying, 12, OTHER_GUILD)
    await paying.ledger._writer.run(lambda db: db.execute("UPDATE members SET checked_at = 1"))
    paying.roles_of().clear()
    paying.roles.faults["look"] = DiscordUnavailable()
    await audit_members(paying.ports)
    first = await paying.ledger.load_queued_members(paying.now, 999)
    assert (GUILD, MEMBER) in {(mark.guild_id, mark.member_id) for mark in first}
    assert len(first) == 10
    await paying.settle()
    await audit_members(paying.ports)
    both = [*first, *await paying.ledger.load_queued_members(paying.now, 999)]
    assert {mark.member_id for mark in both if mark.guild_id == OTHER_GUILD} == set(range(1, 13))


async def test_members_of_a_large_server_are_fetched_a_hundred_at_a_time(world: RulesHarness) -> None:
    await crowd(world, 251)
    await audit_members(world.ports)
    assert len(await world.ledger.load_queued_members(world.now, 999)) == 251


async def test_an_outage_of_one_server_does_not_stop_checks_in_others(world: RulesHarness) -> None:
    await crowd(world, 120)
    await crowd(world, 30, OTHER_GUILD)
    world.roles.faults[f"look {GUILD}"] = GuildOutage()
    await audit_members(world.ports)
    assert {mark.guild_id for mark in await world.ledger.load_queued_members(world.now, 999)} == {OTHER_GUILD}
    world.roles.faults.clear()
    await audit_members(world.ports)
    assert len(await world.ledger.load_queued_members(world.now, 999)) == 150


async def test_a_drifted_member_is_queued_before_they_count_as_checked(
    paying: RulesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full_disk(*_: object) -> None:
        raise LedgerUnavailable

    paying.roles_of().clear()
    paying.clock.advance(60)
    monkeypatch.setattr(paying.ledger, "record_checked", full_disk)
    with pytest.raises(LedgerUnavailable):
        await audit_members(paying.ports)
    assert [mark.member_id for mark in await paying.ledger.load_queued_members(paying.now, 9)] == [MEMBER]
