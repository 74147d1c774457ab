"""Removals wait until the provider was asked, because the member may have paid in the meantime."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import DiscordUnavailable, ProviderUnavailable
from billing.model import RoleWaits, Status, Subscription
from billing.model.translatable_text import Text
from billing.rules.backoff import next_try
from billing.use_cases.doctor import diagnose
from billing.use_cases.reconcile import UNSURE_FOR, UNSURE_TRIES, WAITS, reconcile_member
from i18n.plain import plain_words
from tests.rules.builders import DAY, GUILD, MEMBER, ROLE, make_override
from tests.rules.harness import RulesHarness

HOUR = 3_600


async def reconcile_first(world: RulesHarness) -> None:
    """Reconcile the member before the provider is asked."""
    (mark,) = await world.ledger.load_queued_members(world.now, 9)
    await reconcile_member(world.ports, mark)


async def scheduled(world: RulesHarness) -> Subscription:
    """A member whose subscription ends tomorrow, according to the ledger."""
    await world.add_plan()
    sub = await world.subscribe()
    return await world.change(replace(sub, ends_at=world.now + DAY))


def prolong(world: RulesHarness, sub: Subscription) -> None:
    """The subscription is resumed at the provider without an event."""
    world.provider.subscriptions[sub.key.id] = replace(sub, ends_at=None, binding=None)


@pytest.mark.parametrize("timer_first", [True, False])
async def test_a_role_renewed_without_notification_is_not_taken(
    world: RulesHarness, timer_first: bool
) -> None:
    sub = await scheduled(world)
    prolong(world, sub)
    world.clock.advance(2 * DAY)
    if timer_first:
        await world.ledger.record_due(world.now)
    else:
        await world.enqueue()
    await reconcile_first(world)
    assert world.roles_of() == {ROLE}
    await world.settle()
    await world.pass_time(HOUR)
    assert world.roles_of() == {ROLE}


async def test_a_role_is_taken_once_the_provider_confirms_the_end(world: RulesHarness) -> None:
    sub = await scheduled(world)
    world.provider.subscriptions[sub.key.id] = replace(sub, status=Status.ENDED, binding=None)
    world.clock.advance(DAY)
    await world.ledger.record_due(world.now)
    await reconcile_first(world)
    assert world.roles_of() == {ROLE}
    await world.settle()
    assert world.roles_of() == set()


async def test_a_role_is_taken_if_the_provider_shows_nothing_new(world: RulesHarness) -> None:
    await scheduled(world)
    await world.pass_time(DAY + 10)
    assert world.roles_of() == set()


async def test_a_role_waits_an_hour_for_a_silent_provider(world: RulesHarness) -> None:
    await scheduled(world)
    world.provider.fail("*", ProviderUnavailable())
    await world.pass_time(DAY + HOUR // 2)
    assert world.roles_of() == {ROLE}
    (mark,) = await world.ledger.load_queued_members(world.now + HOUR, 9)
    assert mark.attempts < UNSURE_TRIES
    await world.pass_time(HOUR)
    assert world.roles_of() == set()


async def test_a_short_wait_for_the_provider_is_not_logged(world: RulesHarness) -> None:
    await scheduled(world)
    world.clock.advance(DAY)
    await world.ledger.record_due(world.now)
    news = []
    for _ in range(UNSURE_TRIES - 1):
        (mark,) = await world.ledger.load_queued_members(world.now, 9)
        outcome = await reconcile_member(world.ports, mark)
        assert outcome.words == f"put off, {WAITS}"
        news.append(outcome.is_news)
        world.clock.advance(next_try(world.now, mark.attempts) - world.now)
    assert [tries for tries, is_news in enumerate(news, 1) if is_news] == [8]


async def test_a_failure_at_discord_is_logged_at_once(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    world.roles.faults["fetch"] = DiscordUnavailable()
    await world.enqueue()
    (mark,) = await world.ledger.load_queued_members(world.now, 9)
    assert (await reconcile_member(world.ports, mark)).is_news


async def test_commands_do_not_shorten_the_wait_for_the_provider(world: RulesHarness) -> None:
    await scheduled(world)
    world.provider.fail("*", ProviderUnavailable())
    await world.pass_time(DAY + 10)
    for _ in range(2 * UNSURE_TRIES):
        await world.enqueue()
        await world.settle()
    assert world.roles_of() == {ROLE}
    await world.pass_time(UNSURE_FOR + 900)
    assert world.roles_of() == set()


async def test_admins_are_told_of_roles_that_wait_for_the_provider(world: RulesHarness) -> None:
    await scheduled(world)
    world.provider.fail("*", ProviderUnavailable())
    await world.pass_time(DAY + 60)
    assert world.told("role_waits") == []
    assert [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_roles")] == []
    await world.pass_time(HOUR // 2)
    (notice,) = world.told("role_waits")
    assert notice.member_id is None
    assert [body.member for body in world.said(RoleWaits)] == [MEMBER]
    (found,) = [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_roles")]
    assert f"roles of {MEMBER} has" in plain_words(found.message)
    world.provider.heal()
    await world.pass_time(HOUR)
    assert world.roles_of() == set()
    assert [f for f in await diagnose(world.ports, GUILD) if f.what == Text("finding.what_roles")] == []


async def test_an_admins_block_takes_roles_without_waiting_for_the_provider(world: RulesHarness) -> None:
    sub = await scheduled(world)
    world.provider.fail("*", ProviderUnavailable())
    await world.ledger.record_stale([sub.key], "test", world.now)
    block = make_override(created_at=world.now, starts_at=world.now)
    await world.ledger.record_overrides([block], [], [], world.now)
    await reconcile_first(world)
    assert world.roles_of() == set()
