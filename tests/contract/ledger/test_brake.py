"""The brake counts removals before they are made, and asks an admin from the first one over the limit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from billing.model import Binding
from billing.ports import Ledger
from billing.rules.brake import ASKS_AGAIN, FEWEST, RELEASED, WINDOW, Brake
from tests.contract.ledger.conftest import Opening, opened
from tests.contract.ledger.nouns import ADMIN, GUILD, OTHER_GUILD, marks, reconcile

NOW = 1_000_000


async def crowd(ledger: Ledger, number: int, *, guild: int = GUILD, roles: int = 0) -> None:
    """Queue members 1 to `number`, of whom the last `roles` hold a role from the bot."""
    await ledger.record_queued_members([Binding(guild, n + 1) for n in range(number)], "sweep", NOW)
    for n in range(number - roles, number):
        await ledger.record_granting(guild, n + 1, 71, NOW)


async def take(ledger: Ledger, *members: int, at: int = NOW, guild: int = GUILD) -> list[int | None]:
    """Ask the brake about each member in turn; returns the answers."""
    return [await ledger.record_taking(guild, member, at) for member in members]


async def brake(ledger: Ledger) -> Brake:
    found = await ledger.load_brake(GUILD)
    assert found is not None
    return found


@pytest.fixture
async def braked(ledger: Ledger) -> Ledger:
    """A ledger in which members 1 to 5 lost roles and 6 to 8 keep theirs because of the brake."""
    await crowd(ledger, 9)
    assert await take(ledger, *range(1, 9)) == [None] * FEWEST + [NOW] * 3
    return ledger


async def test_the_sixth_removal_within_an_hour_applies_the_brake(braked: Ledger) -> None:
    assert await braked.load_brake(GUILD) == Brake(GUILD, NOW, NOW, NOW + ASKS_AGAIN, FEWEST, FEWEST, 3)
    assert (await braked.load_health(NOW)).braked == 3


async def test_removals_of_a_tenth_of_the_holders_do_not_apply_the_brake(ledger: Ledger) -> None:
    await crowd(ledger, 61, roles=61)
    assert await take(ledger, *range(1, 9)) == [None] * 7 + [NOW]
    assert (await brake(ledger)).holders == 61


async def test_members_removed_this_hour_still_count_as_holders(ledger: Ledger) -> None:
    """Otherwise the share would shrink with every removal."""
    await crowd(ledger, 61, roles=61)
    found = await marks(ledger)
    for member in range(1, 8):
        await take(ledger, member)
        await reconcile(ledger, found[Binding(GUILD, member)], at=NOW, gone=(71,))
    assert await take(ledger, 8) == [NOW]
    assert (await brake(ledger)).holders == 61


async def test_a_repeated_removal_of_one_member_counts_once(ledger: Ledger) -> None:
    await crowd(ledger, 9)
    assert await take(ledger, *[1] * 9, 2, 3, 4, 5) == [None] * 13
    assert await take(ledger, 6) == [NOW]
    assert await take(ledger, 1) == [None]


async def test_removals_are_free_again_after_an_hour(ledger: Ledger) -> None:
    await crowd(ledger, 9)
    await take(ledger, 1, 2, 3, 4, 5)
    assert await take(ledger, 6, 7, 8, at=NOW + WINDOW) == [None] * 3
    assert await ledger.load_brake(GUILD) is None


async def test_one_removal_too_many_within_the_hour_applies_the_brake(ledger: Ledger) -> None:
    await crowd(ledger, 9)
    await take(ledger, 1, 2, 3, 4, 5)
    assert await take(ledger, 6, at=NOW + WINDOW - 1) == [NOW + WINDOW - 1]


async def test_the_brake_does_not_release_with_time(braked: Ledger) -> None:
    late = NOW + 2 * WINDOW
    assert await take(braked, 6, 9, at=late) == [NOW] * 2
    assert (await brake(braked)).braked == 4


async def test_the_brake_releases_when_the_last_held_member_needs_no_removal(braked: Ledger) -> None:
    found = await marks(braked)
    await reconcile(braked, found[Binding(GUILD, 6)], parked=("Kept.",), braked=True)
    await reconcile(braked, found[Binding(GUILD, 7)])
    assert (await brake(braked)).braked == 2
    await braked.record_queued_members([Binding(GUILD, 6)], "sweep", NOW)
    assert (await brake(braked)).braked == 2
    for member in (6, 8):
        await reconcile(braked, (await marks(braked))[Binding(GUILD, member)])
    assert await braked.load_brake(GUILD) is None
    assert await take(braked, 9, at=NOW + WINDOW) == [None]


async def test_a_second_brake_asks_a_new_question(braked: Ledger) -> None:
    for found in (await marks(braked)).values():
        await reconcile(braked, found)
    again = NOW + 60
    assert await take(braked, 9, at=again) == [again]
    assert (await brake(braked)).since == again


async def test_the_brake_asks_again_after_a_day(braked: Ledger) -> None:
    day = NOW + ASKS_AGAIN
    assert await take(braked, 6, at=day - 1) == [NOW]
    assert await take(braked, 6, 7, at=day) == [day, day]
    assert (await brake(braked)).since == NOW
    assert (await brake(braked)).asks_again_at == day + ASKS_AGAIN


async def test_removals_in_one_server_do_not_count_for_another(braked: Ledger) -> None:
    await crowd(braked, 5, guild=OTHER_GUILD)
    assert await take(braked, 1, 2, 3, 4, 5, guild=OTHER_GUILD) == [None] * 5
    assert await braked.load_brake(OTHER_GUILD) is None


async def test_releasing_the_brake_queues_the_held_members_and_lasts_a_day(braked: Ledger) -> None:
    for found in (await marks(braked)).values():
        await reconcile(braked, found, parked=("Kept.",), braked=True)
    assert await braked.record_released(GUILD, NOW, ADMIN, NOW + 9) == 3
    assert {m.member_id for m in await marks(braked)} == {6, 7, 8}
    assert {member for member, _ in await braked.load_parked(GUILD, 0, 999)} & {6, 7, 8} == set()
    assert await braked.load_brake(GUILD) is None
    await crowd(braked, 20)
    assert await take(braked, *range(6, 20), at=NOW + 9 + RELEASED - 1) == [None] * 14
    over = NOW + 9 + RELEASED
    assert await take(braked, *range(6, 12), at=over) == [None] * 5 + [over]


async def test_keeping_the_roles_leaves_the_brake_on_and_asks_a_day_later(braked: Ledger) -> None:
    assert await braked.record_kept(GUILD, NOW, ADMIN, NOW + 500) == NOW + 500 + ASKS_AGAIN
    assert await take(braked, 9, at=NOW + ASKS_AGAIN) == [NOW]
    assert await take(braked, 9, at=NOW + 500 + ASKS_AGAIN) == [NOW + 500 + ASKS_AGAIN]


async def test_an_answer_to_an_older_question_does_not_release_the_brake(braked: Ledger) -> None:
    assert await braked.record_released(GUILD, NOW - 1, ADMIN, NOW) == 0
    assert await braked.record_kept(GUILD, NOW - 1, ADMIN, NOW) is None
    assert await braked.record_released(OTHER_GUILD, NOW, ADMIN, NOW) == 0
    assert (await brake(braked)).braked == 3
    assert await braked.record_released(GUILD, NOW, ADMIN, NOW) == 3
    assert await braked.record_released(GUILD, NOW, ADMIN, NOW) == 0
    assert await braked.record_kept(GUILD, NOW, ADMIN, NOW) is None


async def test_a_member_held_after_the_release_does_not_apply_the_brake_again(braked: Ledger) -> None:
    """The admin presses the button while a reconciled member is being recorded."""
    (found,) = [m for m in (await marks(braked)).values() if m.member_id == 6]
    await braked.record_released(GUILD, NOW, ADMIN, NOW)
    await reconcile(braked, found, parked=("Kept.",), braked=True)
    assert await braked.load_brake(GUILD) is None
    assert Binding(GUILD, 6) in await marks(braked)


async def test_simultaneous_removals_are_counted_one_by_one(ledger: Ledger) -> None:
    await crowd(ledger, 40)
    answers = await asyncio.gather(*(ledger.record_taking(GUILD, n + 1, NOW) for n in range(40)))
    assert answers.count(None) == FEWEST


async def test_the_brake_is_still_on_after_a_restart(open_ledger: Opening, tmp_path: Path) -> None:
    async with opened(open_ledger, tmp_path) as ledger:
        await crowd(ledger, 9)
        await take(ledger, *range(1, 7))
        before = await brake(ledger)
    async with opened(open_ledger, tmp_path) as ledger:
        assert await brake(ledger) == before
        assert await take(ledger, 7) == [NOW]
