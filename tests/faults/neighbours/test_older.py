"""A ledger that is older than itself: nothing in it is acted on before the provider was asked."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from billing.model import Binding, Notice, Unknown
from standins.discord import Person
from tests.cogs.town import DAY, MONTH, Town, link_of, running
from tests.faults.neighbours.test_restored import keep_backup, paypal_of, sell_by_paypal
from tests.faults.neighbours.ways import changes_of, comes, comes_to_rest, newcomer, subscription_of

AWAY = r"/subscriptions|/disputes"


def put_back(town: Town) -> None:
    """The backup in the ledger's place, with what else stands there left alone."""
    for ending in ("-wal", "-shm"):
        town.path.with_name(f"{town.path.name}{ending}").unlink(missing_ok=True)
    town.path.with_name("backup.db").rename(town.path)


def put_back_elsewhere(town: Town) -> None:
    """As on a new machine, where only the backup is."""
    for old in town.path.parent.glob(f"{town.path.name}*"):
        old.unlink()
    town.path.with_name("backup.db").rename(town.path)


async def held(town: Town) -> int:
    return (await town.ports.ledger.load_health(town.ports.now())).unasked


async def three_payers(town: Town) -> tuple[Person, Person]:
    """Amy, whose subscription will end, and Cat, whose access will be revoked; Bob goes on paying."""
    await town.sell()
    amy, cat = await newcomer(town, "amy"), await newcomer(town, "cat")
    for who in (town.bob, amy, cat):
        await town.buy(who)
    return amy, cat


async def end_both(town: Town, amy: Person, cat: Person) -> None:
    town.stripe.dashboard.cancel_now(subscription_of(town, amy)["id"])
    await town.settled()
    await (await town.ada.run(town.guild, "revoke", {"member": cat, "when": "now"})).press("Revoke access")
    await town.settled()
    assert (town.roles(amy), town.roles(cat)) == ([], [])


@asynccontextmanager
async def stripe_away(town: Town, how: str) -> AsyncIterator[None]:
    if how == "stalls":
        town.stripe.faults.add("stall", AWAY, method="GET", times=None)
    else:
        town.stripe.faults.add("status", AWAY, method="GET", times=None, status=500)
    try:
        yield
    finally:
        town.stripe.faults.clear()
        town.stripe.faults.release()


async def marked(town: Town, *people: Person) -> None:
    """Something has them looked at, and they were."""
    ledger = town.ports.ledger
    await ledger.record_marks([Binding(town.guild.id, who.id) for who in people], "test", town.ports.now())

    async def done() -> bool:
        return not await ledger.load_marked(town.ports.now(), 1)

    await comes(town, done)


@pytest.mark.parametrize("how", ["stalls", "fails"])
@pytest.mark.parametrize("put", [put_back, put_back_elsewhere])
async def test_who_ended_or_was_revoked_since_gets_nothing_back(
    still_town: Town, put: Callable[[Town], None], how: str
) -> None:
    town = still_town
    async with running(town):
        amy, cat = await three_payers(town)
        await keep_backup(town)
        await end_both(town, amy, cat)
    put(town)
    town.world.take_role(town.guild, town.bob, town.gold)
    async with stripe_away(town, how):
        async with running(town):
            await comes(town, lambda: held(town))
            await marked(town, town.bob, amy, cat)
            assert await held(town) == 3
            assert "3 subscriptions" in (await town.ada.run(town.guild, "doctor")).text
        assert (town.roles(), town.roles(amy), town.roles(cat)) == ([], [], [])
    async with running(town):
        await town.world.until(lambda: town.roles() == ["Gold"], "the payer's role")
        await comes_to_rest(town)
        assert await held(town) == 0
        assert (town.roles(amy), town.roles(cat)) == ([], [])
        assert changes_of(town, amy) == changes_of(town, cat) == ["+Gold", "-Gold"]


async def test_a_plain_restart_gives_roles_while_stripe_is_away(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        await town.turn(3600)
    town.world.take_role(town.guild, town.bob, town.gold)
    town.clock.advance(3600)
    async with stripe_away(town, "fails"), running(town):
        assert await held(town) == 0
        await marked(town, town.bob)
        assert town.roles() == ["Gold"]


async def test_after_a_weekend_nobody_loses_a_role_and_nothing_is_given_unasked(still_town: Town) -> None:
    """It was last written long ago: it may as well be a copy of the whole folder from then."""
    town = still_town
    async with running(town):
        amy, cat = await three_payers(town)
        copy = town.path.parent.with_name("copy")
    shutil.copytree(town.path.parent, copy, ignore=shutil.ignore_patterns("*.sock"))
    async with running(town):
        await end_both(town, amy, cat)
    for file in copy.iterdir():
        if file.name.startswith(town.path.name):
            shutil.copy2(file, town.path.parent)
    town.clock.advance(2 * DAY)
    async with stripe_away(town, "fails"), running(town):
        await comes(town, lambda: held(town))
        await marked(town, town.bob, amy, cat)
        assert (town.roles(), town.roles(amy), town.roles(cat)) == (["Gold"], [], [])
    async with running(town):
        await comes(town, lambda: nothing_held(town))
        await comes_to_rest(town)
        assert (town.roles(), town.roles(amy), town.roles(cat)) == (["Gold"], [], [])
        assert changes_of(town) == ["+Gold"]


async def test_time_that_ran_out_in_the_old_ledger_takes_no_role_unasked(still_town: Town) -> None:
    """The backup shows an end that was lifted since, and the moment of it is over."""
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        town.stripe.dashboard.cancel_at_period_end(subscription_of(town)["id"])
        await town.settled()
        await keep_backup(town)
        town.stripe.dashboard.change(subscription_of(town)["id"], {"cancel_at_period_end": False})
        await town.settled()
    put_back(town)
    town.clock.advance(MONTH + DAY)
    town.stripe.catch_up()
    async with stripe_away(town, "fails"), running(town):
        await comes(town, lambda: held(town))
        town.clock.advance(5 * 3600)
        await marked(town, town.bob)
        assert town.roles() == ["Gold"]
    async with running(town):
        await comes_to_rest(town)
        assert changes_of(town) == ["+Gold"]


async def test_who_disputed_a_payment_since_has_no_role_until_that_is_known(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        await keep_backup(town)
        charge = town.stripe.dashboard.last_charge(subscription_of(town)["id"])["id"]
        town.stripe.dashboard.dispute(charge)
        await town.settled()
        assert town.roles() == []
    put_back(town)
    async with running(town):
        await comes_to_rest(town)
        await comes(town, lambda: nothing_held(town))
        await town.settled()
        assert changes_of(town) == ["+Gold", "-Gold"]


async def nothing_held(town: Town) -> bool:
    return await held(town) == 0


async def test_who_came_back_since_by_a_new_purchase_keeps_the_role(still_town: Town) -> None:
    """The old one has ended, the new one is not in the backup: it is listed before anything is taken."""
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        await keep_backup(town)
        town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
        await town.settled()
        await town.buy()
        assert changes_of(town) == ["+Gold", "-Gold", "+Gold"]
    put_back(town)
    async with running(town):
        await comes(town, lambda: nothing_held(town))
        await comes_to_rest(town)
        assert changes_of(town) == ["+Gold", "-Gold", "+Gold"]


async def test_a_cancellation_that_was_taken_back_since_is_not_done_again(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        town.stripe.faults.add("status", r"/subscriptions/sub_", method="POST", times=None, status=503)
        question = await town.bob.run(town.guild, "cancel")
        await question.press("Cancel subscription")
        await keep_backup(town)
        town.stripe.faults.clear()
        await town.turn(DAY)
        assert subscription_of(town)["cancel_at_period_end"]
        town.stripe.dashboard.change(subscription_of(town)["id"], {"cancel_at_period_end": False})
        await town.settled()
    put_back(town)
    async with running(town):
        await comes_to_rest(town)
        await town.turn(2 * DAY)
        assert not subscription_of(town)["cancel_at_period_end"]
        told = [card.text for card in town.bob.dms if "restored from a backup" in card.text]
        assert len(told) == 1
        question = await town.bob.run(town.guild, "cancel")
        await question.press("Cancel subscription")
        await town.settled()
        assert subscription_of(town)["cancel_at_period_end"]


async def test_what_was_about_to_be_told_is_not_told_twice(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        note = Notice("probe", town.guild.id, town.bob.id, Unknown("probe"), town.ports.now() + 60)
        await town.ports.ledger.record_notice(note)
        await keep_backup(town)
        await town.turn(120)
    put_back(town)
    before = len(town.bob.dms)
    async with running(town):
        await comes_to_rest(town)
        assert len(town.bob.dms) == before


async def test_the_admins_hear_that_decisions_are_missing(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await keep_backup(town)
        await town.buy()
    put_back(town)
    async with running(town):
        await town.world.until(lambda: bool(town.ada.dms), "the notice")
    async with running(town):
        await comes(town, lambda: nothing_held(town))
        await comes_to_rest(town)
    assert len([card for card in town.ada.dms if "restored from a backup" in card.text]) == 1


async def test_a_copy_of_the_file_of_a_running_ledger_is_older_than_it(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
    async with running(town):
        await town.settled()
        shutil.copy(town.path, town.path.with_name("backup.db"))
        town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
        await town.settled()
        assert town.roles() == []
    put_back(town)
    async with stripe_away(town, "fails"), running(town):
        await comes(town, lambda: held(town))
        await marked(town, town.bob)
        assert town.roles() == []


@pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
async def test_paypal_who_ended_since_gets_nothing_back(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await sell_by_paypal(town)
        amy = await newcomer(town, "amy")
        for who in (town.bob, amy):
            link = link_of(await who.run(town.guild, "subscribe", {"plan": "Gold"}))
            paypal_of(town).approve(link, email=f"{who.name}@example.com")
            await town.settled()
        await keep_backup(town)
        paypal_of(town).dashboard.cancel(paypal_of(town).world.all("subscription")[1].id)
        await town.turn(MONTH + DAY)
        assert town.roles(amy) == []
    put_back(town)
    town.world.take_role(town.guild, town.bob, town.gold)
    away = paypal_of(town).faults.add("status", "/v1/billing", times=None, status=500)
    async with running(town):
        await comes(town, lambda: held(town))
        await marked(town, town.bob, amy)
        assert (town.roles(), town.roles(amy)) == ([], [])
    paypal_of(town).faults.waiting.remove(away)
    async with running(town):
        await town.world.until(lambda: town.roles() == ["Gold"], "the payer's role")
        await comes_to_rest(town)
        assert town.roles(amy) == []
