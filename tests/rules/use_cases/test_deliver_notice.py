"""A person is told once."""

from __future__ import annotations

import pytest

from billing.errors import DiscordError, DiscordUnavailable, GuildGone, MessagesClosed, RolesNotPermitted
from billing.model import Notice, Started
from tests.rules.builders import DAY, GUILD, MEMBER, OTHER_MEMBER, make_key
from tests.rules.harness import RulesHarness


async def notice(world: RulesHarness, key: str = "key") -> Notice:
    what = Notice(key, GUILD, MEMBER, Started("Plan 1", make_key()), world.now)
    await world.ledger.record_notice(what)
    return what


async def test_a_notice_is_delivered_once(world: RulesHarness) -> None:
    what = await notice(world)
    await world.settle()
    await notice(world)
    await world.pass_time(DAY)
    assert world.messenger.told == [what]


async def test_a_notice_waits_while_discord_is_down(world: RulesHarness) -> None:
    what = await notice(world)
    world.messenger.fault = DiscordUnavailable()
    await world.pass_time(DAY)
    assert 60 < world.messenger.tries < 120
    world.messenger.fault = None
    await world.pass_time(900)
    assert world.messenger.told == [what]
    assert await world.ledger.load_untold(MEMBER, world.now) == []


@pytest.mark.parametrize("error", [MessagesClosed(), GuildGone(), RolesNotPermitted()])
async def test_a_notice_refused_by_closed_dms_is_shown_at_the_next_command(
    world: RulesHarness, error: DiscordError
) -> None:
    what = await notice(world)
    world.messenger.fault = error
    await world.pass_time(DAY)
    assert world.messenger.tries == 1
    assert await world.ledger.load_untold(OTHER_MEMBER, world.now) == []
    assert await world.ledger.load_untold(MEMBER, world.now) == [what]
    assert await world.ledger.load_untold(MEMBER, world.now) == []


async def test_a_failing_notice_delays_no_other(world: RulesHarness) -> None:
    await notice(world, "one")
    world.messenger.fault = DiscordUnavailable()
    await world.settle()
    world.messenger.fault = None
    await notice(world, "two")
    await world.settle()
    assert [what.key for what in world.messenger.told] == ["two"]
