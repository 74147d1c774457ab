"""Faults of things that servers may share are reported to the admins if only one server sells, otherwise
to the application's owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from billing.errors import DiscordUnavailable, ProviderNotFound, ProviderRefused
from billing.model import BackupFailed, Event, Subject, WrongClock
from billing.use_cases.sweep import sweep
from billing.use_cases.webhook_health import look_at_arrivals
from tests.rules.builders import DAY, GUILD, OTHER_GUILD, make_plan
from tests.rules.harness import RulesHarness

OWNER = 99
HOUR = 3_600


async def lose_notifications(world: RulesHarness) -> None:
    world.provider.events = [
        Event("stripe", "test", "evt_true", "invoice.paid", Subject("subscription", "sub_1"), world.now)
    ]
    world.ports.arrivals.refuse("stripe", world.now)
    world.clock.advance(61)
    await look_at_arrivals(world.ports, world.provider)


async def fail_to_sweep(world: RulesHarness) -> None:
    world.provider.fail("list_subscriptions", ProviderRefused("The key may not."))
    await sweep(world.ports)
    world.clock.advance(2 * HOUR + 1)
    await sweep(world.ports)


async def reverse_what_nobody_knows(world: RulesHarness) -> None:
    world.provider.fail("locate", ProviderNotFound())
    await world.ring("sale.reversed", "pay_1")
    await world.pass_time(HOUR)


@pytest.fixture(params=[lose_notifications, fail_to_sweep, reverse_what_nobody_knows])
def fault(request: pytest.FixtureRequest) -> Callable[[RulesHarness], Awaitable[None]]:
    found: Callable[[RulesHarness], Awaitable[None]] = request.param
    return found


async def readers(world: RulesHarness) -> list[tuple[int, int | None]]:
    await world.settle()
    return [(notice.guild_id, notice.member_id) for notice in world.messenger.told]


async def test_the_admins_of_the_one_server_that_sells_are_told(
    world: RulesHarness, fault: Callable[[RulesHarness], Awaitable[None]]
) -> None:
    await world.add_plan()
    await fault(world)
    assert await readers(world) == [(GUILD, None)]


async def test_the_owner_alone_is_told_if_servers_share_the_account(
    world: RulesHarness, fault: Callable[[RulesHarness], Awaitable[None]]
) -> None:
    await world.add_plan()
    await world.add_plan(replace(make_plan(2), guild_id=OTHER_GUILD))
    await fault(world)
    assert await readers(world) == [(GUILD, OWNER)]


async def test_an_owner_who_is_unknown_for_now_is_told_later(
    world: RulesHarness, fault: Callable[[RulesHarness], Awaitable[None]]
) -> None:
    await world.add_plan()
    await world.add_plan(replace(make_plan(2), guild_id=OTHER_GUILD))
    world.roles.faults["owners"] = DiscordUnavailable()
    await fault(world)
    assert await readers(world) == []
    world.roles.faults.clear()
    await look_at_arrivals(world.ports, world.provider)
    await sweep(world.ports)
    await world.pass_time(HOUR)
    assert await readers(world) == [(GUILD, OWNER)]


@pytest.mark.parametrize("skew", [301.0, -31.0 * DAY])
async def test_a_wrong_clock_is_reported_once_until_it_is_right_again(
    world: RulesHarness, skew: float
) -> None:
    await world.add_plan()
    await sweep(world.ports)
    assert await readers(world) == []
    world.provider.clock_skew = skew
    for _ in range(30):
        await sweep(world.ports)
        world.clock.advance(HOUR)
    assert await readers(world) == [(GUILD, None)]
    assert world.said(WrongClock) == [WrongClock(int(skew))]
    world.provider.clock_skew = 300.0
    await sweep(world.ports)
    world.provider.clock_skew = skew
    await sweep(world.ports)
    assert len(await readers(world)) == 2


async def test_a_wrong_clock_is_reported_to_the_owner_of_a_bot_in_several_servers(
    world: RulesHarness,
) -> None:
    await world.add_plan()
    await world.add_plan(replace(make_plan(2), guild_id=OTHER_GUILD))
    world.provider.clock_skew = 3_600.0
    await sweep(world.ports)
    assert await readers(world) == [(GUILD, OWNER)]


async def test_a_failed_backup_is_reported_to_the_owner_of_a_bot_in_several_servers(
    world: RulesHarness,
) -> None:
    await world.add_plan()
    await world.add_plan(replace(make_plan(2), guild_id=OTHER_GUILD))
    await world.ledger.record_backup_failed("The disk is full.", world.now)
    for _ in range(3):
        await sweep(world.ports)
    assert await readers(world) == [(GUILD, OWNER)]
    assert world.said(BackupFailed) == [BackupFailed()]
    await world.ledger.record_backup_failed("", world.now)
    await sweep(world.ports)
    world.clock.advance(DAY)
    await world.ledger.record_backup_failed("The disk is full.", world.now)
    await sweep(world.ports)
    assert len(await readers(world)) == 2


async def test_a_failed_backup_is_reported_once_to_the_one_server_that_sells(world: RulesHarness) -> None:
    await world.add_plan()
    await world.ledger.record_backup_failed("The disk is full.", world.now)
    await sweep(world.ports)
    assert await readers(world) == [(GUILD, None)]
