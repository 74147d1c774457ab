"""Reconciling a member's roles with the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import (
    DiscordError,
    DiscordUnavailable,
    GuildGone,
    MemberGone,
    RoleAboveBot,
    RoleGone,
    RolesNotPermitted,
)
from billing.model import OverrideKind, RoleRefused, Status
from billing.model.stored_texts import to_stored
from billing.model.translatable_text import Text
from billing.use_cases.audit_members import audit_members
from billing.use_cases.reconcile import RETELL_DAYS, reconcile_member
from tests.rules.builders import (
    ADMIN,
    DAY,
    FOREIGN_ROLE,
    GRACE,
    GUILD,
    MEMBER,
    OTHER_MEMBER,
    ROLE,
    SECOND_ROLE,
    make_override,
    make_plan,
    make_price,
)
from tests.rules.harness import RulesHarness


async def granted(world: RulesHarness) -> frozenset[int]:
    """The roles that the ledger records as given by the bot."""
    return (await world.ledger.load_member_state(GUILD, MEMBER)).granted


async def parked(world: RulesHarness) -> list[tuple[int, Text | str]]:
    found = await world.ledger.load_parked(GUILD, 0, 999)
    return [(member, reason) for member, reasons in found for reason in reasons]


async def test_every_role_of_a_plan_is_given_and_recorded(world: RulesHarness) -> None:
    await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
    await world.subscribe()
    assert world.roles_of() == {ROLE, SECOND_ROLE}
    assert await granted(world) == {ROLE, SECOND_ROLE}


async def test_a_role_is_recorded_before_it_is_given(world: RulesHarness) -> None:
    """A crash in between must not leave a role that nobody takes again."""
    await world.add_plan()
    world.roles.faults[ROLE] = DiscordUnavailable()
    await world.subscribe()
    assert world.roles_of() == set()
    assert await granted(world) == {ROLE}


async def test_roles_are_given_before_others_are_taken(world: RulesHarness) -> None:
    await world.add_plan(make_plan(1, 700))
    await world.add_plan(make_plan(2, 600, 800, prices=(make_price("price_2", "prod_2"),)))
    sub = await world.subscribe()
    await world.change(replace(sub, items=(replace(sub.items[0], price=make_price("price_2", "prod_2")),)))
    assert world.roles.changes() == [("give", 700), ("give", 600), ("give", 800), ("take", 700)]


async def test_a_role_given_by_others_is_never_taken(world: RulesHarness) -> None:
    await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
    world.roles_of().update({FOREIGN_ROLE, SECOND_ROLE})
    sub = await world.subscribe()
    assert await granted(world) == {ROLE}
    await world.change(replace(sub, status=Status.ENDED))
    assert world.roles_of() == {FOREIGN_ROLE, SECOND_ROLE}


async def test_a_role_paid_for_twice_goes_with_the_last_subscription(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, ROLE, prices=(make_price("price_2", "prod_2"),)))
    first = await world.subscribe()
    second = await world.subscribe(
        "sub_2", items=(replace(first.items[0], price=make_price("price_2", "prod_2")),)
    )
    await world.change(replace(first, status=Status.ENDED))
    assert world.roles_of() == {ROLE}
    await world.change(replace(second, status=Status.ENDED))
    assert world.roles_of() == set()


async def test_several_subscriptions_give_the_roles_of_all(world: RulesHarness) -> None:
    await world.add_plan()
    await world.add_plan(make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),)))
    first = await world.subscribe()
    await world.subscribe("sub_2", items=(replace(first.items[0], price=make_price("price_2", "prod_2")),))
    assert world.roles_of() == {ROLE, SECOND_ROLE}
    await world.change(replace(first, status=Status.ENDED))
    assert world.roles_of() == {SECOND_ROLE}


async def test_an_unknown_status_neither_gives_nor_takes_roles(world: RulesHarness) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    await world.change(replace(sub, status=Status.UNKNOWN, provider_status="new_word"))
    await world.pass_time(2 * GRACE)
    assert world.roles_of() == {ROLE}
    world.roles_of().clear()
    await world.enqueue()
    await world.settle()
    assert world.roles_of() == set()


async def test_a_paid_role_taken_by_hand_is_given_again(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    world.roles_of().clear()
    await world.enqueue()
    await world.settle()
    assert world.roles_of() == {ROLE}


async def test_a_grant_gives_its_role_until_it_expires(world: RulesHarness) -> None:
    plan = await world.add_plan()
    grant = make_override(plan.id, OverrideKind.GRANT, until=world.now + DAY)
    await world.ledger.record_overrides([grant], [], [], world.now)
    await world.settle()
    assert world.roles_of() == {ROLE}
    await world.pass_time(DAY)
    assert world.roles_of() == set()


async def test_a_removed_plan_keeps_its_subscribers_roles(world: RulesHarness) -> None:
    plan = await world.add_plan()
    await world.subscribe()
    await world.ledger.record_plan(replace(plan, removed_at=world.now), str(ADMIN), world.now)
    await world.settle()
    assert world.roles_of() == {ROLE}


async def test_history_names_changed_roles_and_reasons(world: RulesHarness) -> None:
    await world.add_plan()
    sub = await world.subscribe()
    await world.change(replace(sub, status=Status.ENDED))
    rows = [c for c in await world.ledger.load_history(GUILD, MEMBER, 99) if c.subject == "roles"]
    assert [(c.before, c.after, c.why) for c in rows] == [
        (str(ROLE), "", "history.nothing_left"),
        ("", str(ROLE), "history.paid"),
    ]


async def test_history_names_roles_of_an_interrupted_change(world: RulesHarness) -> None:
    """One role was given before Discord went down; the next attempt finds it there."""
    await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
    world.roles.faults[SECOND_ROLE] = DiscordUnavailable()
    await world.subscribe()
    world.roles.faults.clear()
    await world.pass_time(5)
    rows = [c for c in await world.ledger.load_history(GUILD, MEMBER, 99) if c.subject == "roles"]
    assert [c.after for c in rows] == [str(SECOND_ROLE), str(ROLE)]


async def test_a_reconciliation_without_changes_writes_no_history(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    before = len(await world.ledger.load_history(GUILD, MEMBER, 99))
    await world.enqueue()
    await world.settle()
    assert len(await world.ledger.load_history(GUILD, MEMBER, 99)) == before
    assert world.roles.changes() == [("give", ROLE)]


@pytest.mark.parametrize("give", [True, False])
async def test_a_role_change_that_does_not_read_back_is_tried_again(
    world: RulesHarness, *, give: bool
) -> None:
    await world.add_plan()
    if give:
        world.roles.deaf.add(ROLE)
        await world.subscribe()
    else:
        sub = await world.subscribe()
        world.roles.deaf.add(ROLE)
        await world.change(replace(sub, status=Status.ENDED))
    tries = len(world.roles.changes())
    assert world.roles_of() == (set() if give else {ROLE})
    assert (await world.ledger.load_health(world.now)).members == 1
    world.roles.deaf.clear()
    await world.pass_time(5)
    assert world.roles_of() == ({ROLE} if give else set())
    assert len(world.roles.changes()) == tries + 1


async def test_attempts_grow_apart_while_discord_is_down(world: RulesHarness) -> None:
    await world.add_plan()
    world.roles.faults["fetch"] = DiscordUnavailable()
    await world.subscribe()
    await world.pass_time(DAY)
    assert 90 < len(world.roles.log) < 115
    world.roles.faults.clear()
    await world.pass_time(900)
    assert world.roles_of() == {ROLE}


REFUSALS: list[DiscordError] = [RoleAboveBot(), RolesNotPermitted(), RoleGone()]


class TestRefused:
    """A fault that a person must fix: parked with the reason, reported once, tried again when it may be
    gone."""

    @pytest.mark.parametrize("error", REFUSALS)
    async def test_a_refused_role_is_parked_and_reported_once(
        self, world: RulesHarness, error: DiscordError
    ) -> None:
        await world.add_plan()
        world.roles.faults[ROLE] = error
        await world.subscribe()
        assert await parked(world) == [(MEMBER, error.user_message)]
        for _ in range(3):
            await world.enqueue()
            await world.pass_time(60)
        (notice,) = world.told("role_refused")
        assert notice.member_id is None
        assert notice.body == RoleRefused(MEMBER, to_stored(error.user_message), ROLE)
        assert (await world.ledger.load_health(world.now)).members == 0

    async def test_a_role_refused_for_many_members_is_one_notice(self, world: RulesHarness) -> None:
        await world.add_plan()
        grants = [
            replace(make_override(1, OverrideKind.GRANT), member_id=member) for member in range(1_000, 1_100)
        ]
        world.roles.faults[ROLE] = RoleAboveBot()
        await world.ledger.record_overrides(grants, [], [], world.now)
        await world.settle()
        assert len(await parked(world)) == 100
        assert len(world.told("role_refused")) == 1

    async def test_a_refused_role_is_reported_again_after_a_month(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.faults[ROLE] = RoleAboveBot()
        await world.subscribe()
        await world.pass_time(RETELL_DAYS * DAY)
        await world.enqueue()
        await world.settle()
        assert len(world.told("role_refused")) == 2

    async def test_a_refused_role_does_not_stop_the_others(self, world: RulesHarness) -> None:
        await world.add_plan(make_plan(1, ROLE, SECOND_ROLE))
        world.roles.faults[ROLE] = RoleAboveBot()
        await world.subscribe()
        assert world.roles_of() == {SECOND_ROLE}

    async def test_a_refused_role_does_not_stop_removals(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.add_plan(make_plan(2, SECOND_ROLE, prices=(make_price("price_2", "prod_2"),)))
        sub = await world.subscribe()
        world.roles.faults[SECOND_ROLE] = RoleGone()
        await world.change(
            replace(sub, items=(replace(sub.items[0], price=make_price("price_2", "prod_2")),))
        )
        assert world.roles_of() == set()

    async def test_a_member_leaves_parking_once_the_role_works(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.faults[ROLE] = RoleAboveBot()
        await world.subscribe()
        world.roles.faults.clear()
        await world.enqueue()
        await world.settle()
        assert await parked(world) == []
        assert world.roles_of() == {ROLE}

    async def test_a_role_that_was_refused_is_not_taken_later(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.faults[ROLE] = RoleAboveBot()
        sub = await world.subscribe()
        assert await granted(world) == set()
        world.roles.faults.clear()
        world.roles_of().add(ROLE)  # an admin helps by hand
        await world.change(replace(sub, status=Status.ENDED))
        assert world.roles_of() == {ROLE}

    async def test_a_role_whose_removal_failed_is_taken_later(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.roles.faults[ROLE] = RoleAboveBot()
        await world.change(replace(sub, status=Status.ENDED))
        assert await parked(world) == [(MEMBER, RoleAboveBot().user_message)]
        world.roles.faults.clear()
        await world.enqueue()
        await world.settle()
        assert world.roles_of() == set()


class TestGone:
    async def test_a_paying_member_who_left_is_parked_and_reported(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.gone.add((GUILD, MEMBER))
        await world.subscribe()
        assert await parked(world) == [(MEMBER, MemberGone().user_message)]
        assert world.said(RoleRefused) == [RoleRefused(MEMBER, "error.member_gone")]

    async def test_a_departed_member_without_rights_is_not_reported(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.roles.gone.add((GUILD, MEMBER))
        await world.change(replace(sub, status=Status.ENDED))
        assert await parked(world) == []
        assert world.told("role_refused") == []
        world.roles_of().clear()
        world.roles.gone.clear()
        await world.enqueue()
        await world.settle()
        assert await granted(world) == frozenset()

    async def test_a_paying_member_who_rejoins_gets_the_roles_back(self, world: RulesHarness) -> None:
        await world.add_plan()
        await world.subscribe()
        world.roles.gone.add((GUILD, MEMBER))
        world.roles_of().clear()
        await world.enqueue()
        await world.settle()
        world.roles.gone.clear()
        await world.enqueue(why="joined")
        await world.settle()
        assert world.roles_of() == {ROLE}
        assert await parked(world) == []

    async def test_a_role_not_given_to_a_departed_member_is_not_recorded(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.faults[ROLE] = MemberGone()
        await world.subscribe()
        assert await parked(world) == [(MEMBER, MemberGone().user_message)]
        assert await granted(world) == frozenset()
        world.roles.faults.clear()
        world.clock.advance(60)
        await audit_members(world.ports)
        await world.settle()
        assert world.roles_of() == {ROLE}

    async def test_roles_stay_recorded_while_the_bot_is_removed(self, world: RulesHarness) -> None:
        """Kicking the bot and inviting it again must not leave members with unpaid roles."""
        await world.add_plan()
        sub = await world.subscribe()
        world.roles.faults["fetch"] = GuildGone()
        await world.change(replace(sub, status=Status.ENDED))
        assert world.roles_of() == {ROLE}
        world.roles.faults.clear()
        await world.enqueue()
        await world.settle()
        assert world.roles_of() == set()

    async def test_a_server_that_removed_the_bot_gets_no_notice(self, world: RulesHarness) -> None:
        await world.add_plan()
        world.roles.faults["fetch"] = GuildGone()
        await world.subscribe()
        assert await parked(world) == [(MEMBER, GuildGone().user_message)]
        assert world.told("role_refused") == []

    async def test_a_right_that_ends_during_an_absence_is_seen(self, world: RulesHarness) -> None:
        await world.add_plan()
        sub = await world.subscribe()
        world.roles.gone.add((GUILD, MEMBER))
        await world.change(replace(sub, ends_at=world.now + DAY))
        assert len(await parked(world)) == 1
        await world.pass_time(DAY)
        assert await parked(world) == []


async def test_a_member_queued_again_meanwhile_stays_queued(world: RulesHarness) -> None:
    await world.add_plan()
    await world.subscribe()
    await world.enqueue()
    (mark,) = await world.ledger.load_queued_members(world.now, 9)
    await world.enqueue(why="something new")
    await reconcile_member(world.ports, mark)
    (left,) = await world.ledger.load_queued_members(world.now, 9)
    assert left.version == mark.version + 1


async def test_one_members_end_leaves_another_members_role(world: RulesHarness) -> None:
    await world.add_plan()
    world.roles.members[GUILD, OTHER_MEMBER].add(ROLE)
    sub = await world.subscribe()
    await world.change(replace(sub, status=Status.ENDED))
    assert world.roles_of(OTHER_MEMBER) == {ROLE}
