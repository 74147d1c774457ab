"""A ledger that is older than itself: nothing in it is acted on before the provider was asked."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from billing.model import Binding, Notice, Unknown
from standins.discord import Person
from tests.app.harness import DAY, MONTH, AppHarness, link_of, running
from tests.app.newcomers import newcomer
from tests.outages.helpers import changes_of, comes, comes_to_rest, subscription_of
from tests.outages.test_restored import keep_backup, paypal_of, sell_by_paypal

AWAY = r"/subscriptions|/disputes"


def put_back(app: AppHarness) -> None:
    """The backup in the ledger's place, with what else stands there left alone."""
    for ending in ("-wal", "-shm"):
        app.path.with_name(f"{app.path.name}{ending}").unlink(missing_ok=True)
    app.path.with_name("backup.db").rename(app.path)


def put_back_elsewhere(app: AppHarness) -> None:
    """As on a new machine, where only the backup is."""
    for old in app.path.parent.glob(f"{app.path.name}*"):
        old.unlink()
    app.path.with_name("backup.db").rename(app.path)


async def held(app: AppHarness) -> int:
    return (await app.ports.ledger.load_health(app.ports.now())).unasked


async def three_payers(app: AppHarness) -> tuple[Person, Person]:
    """Amy, whose subscription will end, and Cat, whose access will be revoked; Bob goes on paying."""
    await app.sell()
    amy, cat = await newcomer(app, "amy"), await newcomer(app, "cat")
    for who in (app.bob, amy, cat):
        await app.buy(who)
    return amy, cat


async def end_both(app: AppHarness, amy: Person, cat: Person) -> None:
    app.stripe.dashboard.cancel_now(subscription_of(app, amy)["id"])
    await app.settled()
    await (await app.ada.run(app.guild, "revoke", {"member": cat, "when": "now"})).press("Revoke access")
    await app.settled()
    assert (app.roles(amy), app.roles(cat)) == ([], [])


@asynccontextmanager
async def stripe_away(app: AppHarness, how: str) -> AsyncIterator[None]:
    if how == "stalls":
        app.stripe.faults.add("stall", AWAY, method="GET", times=None)
    else:
        app.stripe.faults.add("status", AWAY, method="GET", times=None, status=500)
    try:
        yield
    finally:
        app.stripe.faults.clear()
        app.stripe.faults.release()


async def marked(app: AppHarness, *people: Person) -> None:
    """Something has them looked at, and they were."""
    ledger = app.ports.ledger
    await ledger.record_queued_members(
        [Binding(app.guild.id, who.id) for who in people], "test", app.ports.now()
    )

    async def done() -> bool:
        return not await ledger.load_queued_members(app.ports.now(), 1)

    await comes(app, done)


@pytest.mark.parametrize("how", ["stalls", "fails"])
@pytest.mark.parametrize("put", [put_back, put_back_elsewhere])
async def test_an_older_ledger_gives_no_role_back_to_ended_or_revoked_members(
    idle_app: AppHarness, put: Callable[[AppHarness], None], how: str
) -> None:
    app = idle_app
    async with running(app):
        amy, cat = await three_payers(app)
        await keep_backup(app)
        await end_both(app, amy, cat)
    put(app)
    app.world.take_role(app.guild, app.bob, app.gold)
    async with stripe_away(app, how):
        async with running(app):
            await comes(app, lambda: held(app))
            await marked(app, app.bob, amy, cat)
            assert await held(app) == 3
            assert "3 subscriptions" in (await app.ada.run(app.guild, "doctor")).text
        assert (app.roles(), app.roles(amy), app.roles(cat)) == ([], [], [])
    async with running(app):
        await app.world.until(lambda: app.roles() == ["Gold"], "the payer's role")
        await comes_to_rest(app)
        assert await held(app) == 0
        assert (app.roles(amy), app.roles(cat)) == ([], [])
        assert changes_of(app, amy) == changes_of(app, cat) == ["+Gold", "-Gold"]


async def test_a_restart_with_a_current_ledger_gives_roles_while_stripe_is_away(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        await app.turn(3600)
    app.world.take_role(app.guild, app.bob, app.gold)
    app.clock.advance(3600)
    async with stripe_away(app, "fails"), running(app):
        assert await held(app) == 0
        await marked(app, app.bob)
        assert app.roles() == ["Gold"]


async def test_a_weekend_of_downtime_takes_no_role_and_gives_none_unpaid(idle_app: AppHarness) -> None:
    """The ledger was last written long ago, so it may be a copy of the whole folder from then."""
    app = idle_app
    async with running(app):
        amy, cat = await three_payers(app)
        copy = app.path.parent.with_name("copy")
    shutil.copytree(app.path.parent, copy, ignore=shutil.ignore_patterns("*.sock"))
    async with running(app):
        await end_both(app, amy, cat)
    for file in copy.iterdir():
        if file.name.startswith(app.path.name):
            shutil.copy2(file, app.path.parent)
    app.clock.advance(2 * DAY)
    async with stripe_away(app, "fails"), running(app):
        await comes(app, lambda: held(app))
        await marked(app, app.bob, amy, cat)
        assert (app.roles(), app.roles(amy), app.roles(cat)) == (["Gold"], [], [])
    async with running(app):
        await comes(app, lambda: nothing_held(app))
        await comes_to_rest(app)
        assert (app.roles(), app.roles(amy), app.roles(cat)) == (["Gold"], [], [])
        assert changes_of(app) == ["+Gold"]


async def test_time_that_ran_out_in_an_older_ledger_takes_no_role_before_the_provider_answered(
    idle_app: AppHarness,
) -> None:
    """The backup shows an end that was lifted since, and the moment of it is over."""
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        app.stripe.dashboard.cancel_at_period_end(subscription_of(app)["id"])
        await app.settled()
        await keep_backup(app)
        app.stripe.dashboard.change(subscription_of(app)["id"], {"cancel_at_period_end": False})
        await app.settled()
    put_back(app)
    app.clock.advance(MONTH + DAY)
    app.stripe.catch_up()
    async with stripe_away(app, "fails"), running(app):
        await comes(app, lambda: held(app))
        app.clock.advance(5 * 3600)
        await marked(app, app.bob)
        assert app.roles() == ["Gold"]
    async with running(app):
        await comes_to_rest(app)
        assert changes_of(app) == ["+Gold"]


async def test_an_older_ledger_gives_no_role_to_a_member_with_a_later_dispute(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        await keep_backup(app)
        charge = app.stripe.dashboard.last_charge(subscription_of(app)["id"])["id"]
        app.stripe.dashboard.dispute(charge)
        await app.settled()
        assert app.roles() == []
    put_back(app)
    async with running(app):
        await comes_to_rest(app)
        await comes(app, lambda: nothing_held(app))
        await app.settled()
        assert changes_of(app) == ["+Gold", "-Gold"]


async def nothing_held(app: AppHarness) -> bool:
    return await held(app) == 0


async def test_an_older_ledger_takes_no_role_from_a_member_with_a_later_purchase(
    idle_app: AppHarness,
) -> None:
    """The old one has ended, the new one is not in the backup: it is listed before anything is taken."""
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        await keep_backup(app)
        app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
        await app.settled()
        await app.buy()
        assert changes_of(app) == ["+Gold", "-Gold", "+Gold"]
    put_back(app)
    async with running(app):
        await comes(app, lambda: nothing_held(app))
        await comes_to_rest(app)
        assert changes_of(app) == ["+Gold", "-Gold", "+Gold"]


async def test_an_older_ledger_does_not_repeat_a_cancellation_that_was_undone(
    idle_app: AppHarness,
) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        app.stripe.faults.add("status", r"/subscriptions/sub_", method="POST", times=None, status=503)
        question = await app.bob.run(app.guild, "cancel")
        await question.press("Cancel subscription")
        await keep_backup(app)
        app.stripe.faults.clear()
        await app.turn(DAY)
        assert subscription_of(app)["cancel_at_period_end"]
        app.stripe.dashboard.change(subscription_of(app)["id"], {"cancel_at_period_end": False})
        await app.settled()
    put_back(app)
    async with running(app):
        await comes_to_rest(app)
        await app.turn(2 * DAY)
        assert not subscription_of(app)["cancel_at_period_end"]
        told = [card.text for card in app.bob.dms if "restored from a backup" in card.text]
        assert len(told) == 1
        question = await app.bob.run(app.guild, "cancel")
        await question.press("Cancel subscription")
        await app.settled()
        assert subscription_of(app)["cancel_at_period_end"]


async def test_an_older_ledger_does_not_repeat_its_pending_notices(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        note = Notice("probe", app.guild.id, app.bob.id, Unknown("probe"), app.ports.now() + 60)
        await app.ports.ledger.record_notice(note)
        await keep_backup(app)
        await app.turn(120)
    put_back(app)
    before = len(app.bob.dms)
    async with running(app):
        await comes_to_rest(app)
        assert len(app.bob.dms) == before


async def test_admins_are_told_that_an_older_ledger_lacks_later_decisions(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await keep_backup(app)
        await app.buy()
    put_back(app)
    async with running(app):
        await app.world.until(lambda: bool(app.ada.dms), "the notice")
    async with running(app):
        await comes(app, lambda: nothing_held(app))
        await comes_to_rest(app)
    assert len([card for card in app.ada.dms if "restored from a backup" in card.text]) == 1


async def test_a_copied_file_of_a_running_ledger_counts_as_older(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
    async with running(app):
        await app.settled()
        shutil.copy(app.path, app.path.with_name("backup.db"))
        app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
        await app.settled()
        assert app.roles() == []
    put_back(app)
    async with stripe_away(app, "fails"), running(app):
        await comes(app, lambda: held(app))
        await marked(app, app.bob)
        assert app.roles() == []


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_an_older_ledger_gives_no_role_back_to_members_who_ended_at_paypal(
    idle_app: AppHarness,
) -> None:
    app = idle_app
    async with running(app):
        await sell_by_paypal(app)
        amy = await newcomer(app, "amy")
        for who in (app.bob, amy):
            link = link_of(await who.run(app.guild, "subscribe", {"plan": "Gold"}))
            paypal_of(app).approve(link, email=f"{who.name}@example.com")
            await app.settled()
        await keep_backup(app)
        paypal_of(app).dashboard.cancel(paypal_of(app).world.all("subscription")[1].id)
        await app.turn(MONTH + DAY)
        assert app.roles(amy) == []
    put_back(app)
    app.world.take_role(app.guild, app.bob, app.gold)
    away = paypal_of(app).faults.add("status", "/v1/billing", times=None, status=500)
    async with running(app):
        await comes(app, lambda: held(app))
        await marked(app, app.bob, amy)
        assert (app.roles(), app.roles(amy)) == ([], [])
    paypal_of(app).faults.waiting.remove(away)
    async with running(app):
        await app.world.until(lambda: app.roles() == ["Gold"], "the payer's role")
        await comes_to_rest(app)
        assert app.roles(amy) == []
