"""A machine whose clock is wrong: time takes nobody's roles until it is right again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.model import OverrideKind, Status
from billing.model.translatable_text import Text
from billing.use_cases.doctor import diagnose, duration
from billing.use_cases.reconcile import MOST_SKEW
from i18n.plain import plain_words
from tests.rules.builders import DAY, GRACE, GUILD, MEMBER, ROLE, make_override
from tests.rules.harness import RulesHarness

YEAR = 365 * DAY


async def decide(world: RulesHarness, kind: OverrideKind, starts_in: int, until: int | None) -> None:
    one = make_override(None, kind, starts_at=world.now + starts_in, until=until, created_at=world.now)
    await world.ledger.record_overrides([one], [], [], world.now)


async def ending(world: RulesHarness) -> None:
    await world.subscribe(ends_at=world.now + 30 * DAY)


async def final(world: RulesHarness) -> None:
    await world.subscribe(status=Status.ENDED, paid_through=world.now + 30 * DAY)


async def owing(world: RulesHarness) -> None:
    await world.subscribe(status=Status.PAST_DUE, unpaid_since=world.now)


async def granted(world: RulesHarness) -> None:
    await decide(world, OverrideKind.GRANT, 0, world.now + 30 * DAY)
    await world.settle()


async def to_be_blocked(world: RulesHarness) -> None:
    await world.subscribe()
    await decide(world, OverrideKind.BLOCK, 30 * DAY, None)


# The bot asks about unpaid invoices every few minutes, so that case passes only the grace period.
@pytest.mark.parametrize(
    ("has", "length"),
    [
        (ending, 31 * DAY),
        (final, 31 * DAY),
        (owing, GRACE + 3600),
        (granted, 31 * DAY),
        (to_be_blocked, 31 * DAY),
    ],
)
async def test_a_wrong_clock_takes_no_role_and_a_right_one_does(
    world: RulesHarness, has: Any, length: int
) -> None:
    await world.add_plan()
    await has(world)
    assert world.roles_of() == {ROLE}
    world.provider.clock_skew = float(YEAR)
    await world.pass_time(length)
    assert world.roles_of() == {ROLE}
    assert MEMBER in dict(await world.ledger.load_retried(GUILD, world.now, 0, 9))
    world.provider.clock_skew = 2.0
    await world.pass_time(2 * 3600)
    assert world.roles_of() == set()


async def test_a_clock_less_than_five_minutes_off_is_trusted(world: RulesHarness) -> None:
    await world.add_plan()
    await ending(world)
    world.provider.clock_skew = -float(MOST_SKEW)
    await world.pass_time(31 * DAY)
    assert world.roles_of() == set()


async def test_an_immediate_revocation_applies_under_a_wrong_clock(world: RulesHarness) -> None:
    await world.add_plan()
    await ending(world)
    world.provider.clock_skew = float(YEAR)
    await world.pass_time(31 * DAY)
    assert world.roles_of() == {ROLE}
    await decide(world, OverrideKind.BLOCK, 0, None)
    await world.settle()
    assert world.roles_of() == set()


async def test_an_end_at_the_provider_applies_under_a_wrong_clock(world: RulesHarness) -> None:
    await world.add_plan()
    subscription = await world.subscribe()
    world.provider.clock_skew = float(YEAR)
    await world.change(replace(subscription, status=Status.ENDED, ended_at=world.now))
    assert world.roles_of() == set()


async def test_the_check_says_how_wrong_the_clock_is(world: RulesHarness) -> None:
    world.provider.clock_skew = -7200.0
    (found,) = [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_clock")]
    assert not found.ok
    assert "2 hours behind" in plain_words(found.message)
    world.provider.clock_skew = None
    assert not [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_clock")]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59, "59 seconds"), (60, "1 minute"), (3600, "1 hour"), (86_400, "1 day"), (YEAR, "365 days")],
)
def test_a_length_of_time_is_written_in_words(seconds: int, words: str) -> None:
    assert plain_words(duration(seconds)) == words
