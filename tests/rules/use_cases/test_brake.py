"""A mistake cannot strip a server: removals beyond a share stop and ask, grants go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from billing.errors import Conflict, DiscordUnavailable
from billing.model import Braked, OverrideKind, Plan, Status, Subscription
from billing.model.translatable_text import Text
from billing.rules.brake import ASK_AFTER, ASKS_AGAIN, RELEASED, REMOVALS_PAUSED, WINDOW
from billing.use_cases.doctor import diagnose, fix
from billing.use_cases.reconcile import reconcile_member
from billing.use_cases.release_brake import keep_braked_roles, release_brake
from billing.use_cases.sweep import sweep
from billing.worker.queues import work_queues
from i18n.plain import plain_words
from tests.rules.builders import (
    ADMIN,
    DAY,
    GUILD,
    ROLE,
    SECOND_ROLE,
    make_checkout,
    make_override,
    make_plan,
    make_price,
    make_subscription,
)
from tests.rules.harness import RulesHarness

CROWD = range(1_000, 1_020)


async def pay(world: RulesHarness, *members: int) -> None:
    """Each has a subscription and the role of the one plan."""
    for member in members:
        checkout = replace(make_checkout(f"ours_{member}", created_at=world.now), member_id=member)
        await world.ledger.record_checkout(checkout)
        await world.change(make_subscription(f"sub_{member}", at=world.now, checkout_id=checkout.id))


async def strike(world: RulesHarness, status: Status, *members: int) -> None:
    """The provider says this of all of them at once."""
    for member in members:
        known = world.provider.subscriptions[f"sub_{member}"]
        world.provider.subscriptions[f"sub_{member}"] = replace(known, status=status)
        await world.ring("subscription", f"sub_{member}", f"evt_{member}_{status}_{world.now}")
    await world.settle()


def holders(world: RulesHarness, role: int = ROLE) -> set[int]:
    return {member for (_, member), roles in world.roles.members.items() if role in roles}


@pytest.fixture
async def crowd(world: RulesHarness) -> RulesHarness:
    """Twenty members who pay."""
    await world.add_plan()
    await pay(world, *CROWD)
    assert holders(world) == set(CROWD)
    return world


@pytest.fixture
async def struck(crowd: RulesHarness) -> RulesHarness:
    """The provider lost fifteen of them, the admins were asked."""
    await strike(crowd, Status.ENDED, *CROWD[:15])
    await crowd.pass_time(ASK_AFTER)
    return crowd


def question(world: RulesHarness) -> int:
    """The last one that was asked."""
    return world.said(Braked)[-1].asked_at


async def braked(world: RulesHarness) -> int:
    return (await world.ledger.load_health(world.now)).braked


async def test_five_of_twenty_may_lose_their_roles_at_once(crowd: RulesHarness) -> None:
    await strike(crowd, Status.ENDED, *CROWD[:5])
    assert holders(crowd) == set(CROWD[5:])
    assert crowd.told("brake") == []


async def test_one_removal_too_many_holds_the_rest_and_asks_the_admins_once(struck: RulesHarness) -> None:
    assert len(holders(struck)) == 15
    assert await braked(struck) == 10
    (notice,) = struck.told("brake")
    assert notice.member_id is None
    parked = await struck.ledger.load_parked(GUILD, 0, 999)
    assert len(parked) == 10
    assert {why for _, why in parked} == {(REMOVALS_PAUSED,)}


async def test_the_brakes_question_waits_until_all_removals_are_counted(crowd: RulesHarness) -> None:
    await strike(crowd, Status.ENDED, *CROWD[:15])
    assert crowd.told("brake") == []
    await crowd.pass_time(ASK_AFTER)
    assert len(crowd.told("brake")) == 1


async def test_sixteen_simultaneous_removals_do_not_overrun_the_brake(crowd: RulesHarness) -> None:
    for member in CROWD:
        known = crowd.provider.subscriptions[f"sub_{member}"]
        ended = replace(known, status=Status.ENDED)
        await crowd.ledger.record_stale([known.key], "test", crowd.now)
        crowd.provider.subscriptions[f"sub_{member}"] = ended
    await _sync_all(crowd)
    marks = await crowd.ledger.load_queued_members(crowd.now, 99)
    assert len(marks) == len(CROWD)
    await asyncio.gather(*(reconcile_member(crowd.ports, mark) for mark in marks))
    assert len(holders(crowd)) == len(CROWD) - 5


async def _sync_all(world: RulesHarness) -> None:
    """Fetch what is stale, and leave the members to the test."""
    (queue,) = [queue for queue in work_queues(world.ports) if queue.name == "sync"]
    for stale in await queue.load(world.now, 99):
        await queue.handle(stale)


async def test_roles_are_still_given_while_the_brake_is_on(struck: RulesHarness) -> None:
    await pay(struck, 2_000)
    assert 2_000 in holders(struck)


async def test_a_member_held_by_the_brake_still_gets_roles_they_bought(struck: RulesHarness) -> None:
    """A switch of plans: the new role comes, the old one waits."""
    await struck.add_plan(make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),)))
    name = f"sub_{CROWD[19]}"
    sub: Subscription = struck.provider.subscriptions[name]
    items = (replace(sub.items[0], price=make_price("price_2", "prod_2")),)
    await struck.change(replace(sub, items=items))
    assert struck.roles_of(CROWD[19]) == {ROLE, SECOND_ROLE}
    assert CROWD[19] in {member for member, _ in await struck.ledger.load_parked(GUILD, 0, 999)}


async def test_a_revocation_takes_roles_without_counting_for_the_brake(crowd: RulesHarness) -> None:
    blocks = [replace(make_override(), member_id=member) for member in CROWD[:8]]
    await crowd.ledger.record_overrides(blocks, [], [], crowd.now)
    await crowd.settle()
    assert holders(crowd) == set(CROWD[8:])
    await strike(crowd, Status.ENDED, *CROWD[8:13])
    assert holders(crowd) == set(CROWD[13:])
    assert await braked(crowd) == 0


async def test_a_revocation_is_carried_out_while_the_brake_is_on(struck: RulesHarness) -> None:
    kept = min(holders(struck) & set(CROWD[:15]))
    blocks = [replace(make_override(), member_id=member) for member in (kept, CROWD[19])]
    await struck.ledger.record_overrides(blocks, [], [], struck.now)
    await struck.settle()
    assert not holders(struck) & {kept, CROWD[19]}
    assert await braked(struck) == 9


async def test_a_member_who_left_does_not_count_for_the_brake(crowd: RulesHarness) -> None:
    crowd.roles.gone.update((GUILD, member) for member in CROWD[:8])
    await strike(crowd, Status.ENDED, *CROWD[:8])
    await strike(crowd, Status.ENDED, *CROWD[8:13])
    assert await braked(crowd) == 0
    assert not holders(crowd) & set(CROWD[8:13])


async def test_a_sweep_neither_takes_held_roles_nor_asks_again(struck: RulesHarness) -> None:
    for _ in range(6):
        struck.clock.advance(WINDOW + 1)
        await sweep(struck.ports)
        await struck.settle()
    assert len(holders(struck)) == 15
    assert await braked(struck) == 10
    assert len(struck.told("brake")) == 1
    assert (await struck.ledger.load_health(struck.now)).members == 0


async def test_a_held_member_who_turns_out_to_pay_is_reconciled(crowd: RulesHarness) -> None:
    """The provider said 'unpaid' of everybody, and took it back."""
    await strike(crowd, Status.UNPAID, *CROWD)
    assert await braked(crowd) == 15
    await strike(crowd, Status.ACTIVE, *CROWD)
    assert holders(crowd) == set(CROWD)
    assert await braked(crowd) == 0
    assert await crowd.ledger.load_parked(GUILD, 0, 999) == []
    with pytest.raises(Conflict):
        await release_brake(crowd.ports, GUILD, crowd.now, ADMIN)


async def test_releasing_the_brake_takes_all_held_roles(struck: RulesHarness) -> None:
    assert await release_brake(struck.ports, GUILD, question(struck), ADMIN) == 10
    await struck.settle()
    assert holders(struck) == set(CROWD[15:])
    assert await struck.ledger.load_parked(GUILD, 0, 999) == []
    assert await braked(struck) == 0


async def test_a_release_of_the_brake_lasts_a_day(struck: RulesHarness) -> None:
    await release_brake(struck.ports, GUILD, question(struck), ADMIN)
    await struck.pass_time(RELEASED - 60)
    more = range(3_000, 3_007)
    await pay(struck, *more)
    await strike(struck, Status.ENDED, *more)
    assert not holders(struck) & set(more)
    await struck.pass_time(60)
    again = range(4_000, 4_007)
    await pay(struck, *again)
    await strike(struck, Status.ENDED, *again)
    assert await braked(struck) == 2


async def test_keeping_the_roles_asks_the_admins_again_the_next_day(struck: RulesHarness) -> None:
    struck.clock.advance(500)
    again = await keep_braked_roles(struck.ports, GUILD, question(struck), ADMIN)
    assert again == struck.now + ASKS_AGAIN
    await struck.pass_time(ASKS_AGAIN - 1)
    await sweep(struck.ports)
    await struck.pass_time(ASK_AFTER)
    assert len(struck.told("brake")) == 1
    await sweep(struck.ports)
    await struck.pass_time(ASK_AFTER)
    assert len(holders(struck)) == 15
    assert len(struck.told("brake")) == 2


async def test_an_answer_to_an_old_brake_question_does_nothing(struck: RulesHarness) -> None:
    old = question(struck)
    await struck.pass_time(DAY)
    await sweep(struck.ports)
    await struck.pass_time(ASK_AFTER)
    for decide in (release_brake, keep_braked_roles):
        with pytest.raises(Conflict):
            await decide(struck.ports, GUILD, old, ADMIN)
    assert len(holders(struck)) == 15
    assert await release_brake(struck.ports, GUILD, question(struck), ADMIN) == 10


async def test_a_failure_between_counting_and_taking_counts_nobody_twice(crowd: RulesHarness) -> None:
    crowd.roles.faults[ROLE] = DiscordUnavailable()
    await strike(crowd, Status.ENDED, *CROWD[:5])
    assert holders(crowd) == set(CROWD)
    crowd.roles.faults.clear()
    await crowd.pass_time(3 * WINDOW)
    assert holders(crowd) == set(CROWD[5:])
    assert await braked(crowd) == 0


async def test_removing_a_role_from_a_plan_applies_the_brake(crowd: RulesHarness) -> None:
    (plan,) = await crowd.ledger.load_plans(GUILD)
    emptied: Plan = replace(plan, role_ids=(SECOND_ROLE,))
    await crowd.ledger.record_plan(emptied, str(ADMIN), crowd.now)
    await crowd.settle()
    assert holders(crowd, SECOND_ROLE) == set(CROWD)
    assert len(holders(crowd)) == 15


async def test_removals_spread_over_a_day_do_not_apply_the_brake(world: RulesHarness) -> None:
    await world.add_plan()
    grants = [
        replace(make_override(1, OverrideKind.GRANT, until=world.now + (n + 1) * 1_000), member_id=member)
        for n, member in enumerate(CROWD)
    ]
    await world.ledger.record_overrides(grants, [], [], world.now)
    await world.pass_time(DAY)
    assert holders(world) == set()
    assert world.told("brake") == []


async def test_doctor_reports_the_brake_with_numbers_in_one_line(struck: RulesHarness) -> None:
    findings = [f for f in await diagnose(struck.ports, GUILD) if not f.ok]
    assert [f.what for f in findings] == [Text("finding.what_brake")]
    assert "5 of 20 members" in plain_words(findings[0].message)
    assert "10 more" in plain_words(findings[0].message)
    assert await fix(struck.ports, GUILD, findings) == []
    assert len(holders(struck)) == 15
