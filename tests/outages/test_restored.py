"""Yesterday's backup is put in place: what happened since is fetched first, and nobody loses a role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from billing.use_cases.plans import PlanUpdate, add_plan
from standins.paypal import PayPalServer
from tests.app.harness import DAY, MONTH, AppHarness, link_of, running
from tests.app.newcomers import newcomer
from tests.outages.helpers import changes_of, comes, comes_to_rest, subscription_of


async def keep_backup(app: AppHarness) -> Path:
    """A copy of the ledger as it is now."""
    assert app.process is not None
    backup = app.path.with_name("backup.db")
    await app.process.ledger.backup(backup)
    return backup


def restore(app: AppHarness) -> None:
    """As docs/operations.md tells."""
    for old in app.path.parent.glob(f"{app.path.name}*"):
        old.unlink()
    app.path.with_name("backup.db").rename(app.path)


@asynccontextmanager
async def restored(app: AppHarness) -> AsyncIterator[None]:
    """The program over the backup; Stripe holds back every answer about one subscription until the program
    has done whatever it does without, and answered two commands besides."""
    restore(app)
    held = app.stripe.faults.add("stall", r"/subscriptions/sub_", method="GET", times=None)
    async with running(app):
        await app.stripe.faults.reached.wait()
        for person, command in ((app.ada, "plans list"), (app.ada, "doctor")):
            await person.run(app.guild, command)
        app.stripe.faults.waiting.remove(held)
        app.stripe.faults.release()
        await app.settled()
        yield


async def test_after_a_restore_a_member_who_paid_their_debt_later_keeps_the_role(
    idle_app: AppHarness,
) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        app.stripe.world.settings.decline_next = 2
        await app.turn(MONTH + DAY)
        assert subscription_of(app)["status"] == "past_due"
        await keep_backup(app)
        await app.turn(3 * DAY)
        assert subscription_of(app)["status"] == "active"
    app.clock.advance(8 * DAY)
    async with restored(app):
        assert changes_of(app) == ["+Gold"]
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
        await app.turn(60)
        await comes_to_rest(app)
        assert changes_of(app) == ["+Gold"]


async def test_after_a_restore_a_member_who_resumed_later_keeps_the_role(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        question = await app.bob.run(app.guild, "cancel")
        receipt = await question.press("Cancel subscription")
        await app.settled()
        await keep_backup(app)
        await receipt.press("Resume")
        await app.settled()
    app.clock.advance(MONTH + DAY)
    app.stripe.catch_up()
    async with restored(app):
        assert changes_of(app) == ["+Gold"]
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_after_a_restore_a_member_who_subscribed_later_keeps_the_role(idle_app: AppHarness) -> None:
    """The backup does not know them, so the bot does not remember that it gave the role."""
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        await keep_backup(app)
        carol = await newcomer(app, "carol")
        await app.buy(carol)
    async with restored_at_once(app):
        await app.turn(2 * DAY)
        assert changes_of(app, carol) == ["+Gold"]
        assert app.roles(carol) == ["Gold"]


@asynccontextmanager
async def restored_at_once(app: AppHarness) -> AsyncIterator[None]:
    restore(app)
    async with running(app):
        await app.settled()
        yield


async def test_after_a_restore_subscriptions_that_ended_later_are_fetched(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        await keep_backup(app)
    app.stripe.delivery_faults.drop = 100
    app.stripe.dashboard.cancel_now(subscription_of(app)["id"])
    async with restored_at_once(app):
        await app.world.until(lambda: app.roles() == [], "the role to go")
        await app.settled()
        assert changes_of(app) == ["+Gold", "-Gold"]
        assert len([card for card in app.bob.dms if "has ended" in card.text]) == 1


async def test_after_a_restore_a_later_payment_on_an_earlier_page_is_fetched(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        await keep_backup(app)
        (url,) = [button.url for button in reply.buttons if button.url]
        app.stripe.pay_checkout(url)
        await app.settled()
        assert app.roles() == ["Gold"]
    async with restored_at_once(app):
        await comes(app, lambda: app.ports.ledger.load_subscriptions_of(app.bob.id))
        await app.settled()
        assert changes_of(app) == ["+Gold"]
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_after_a_restore_a_request_that_was_carried_out_later_is_not_repeated(
    idle_app: AppHarness,
) -> None:
    """The backup holds a revocation with its refund that Stripe had not answered yet."""
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        app.stripe.faults.add("status", r"/subscriptions/sub_|/refunds", times=None, status=503)
        order = {"member": app.bob, "when": "now", "refund": "last_payment"}
        await (await app.ada.run(app.guild, "revoke", order)).press("Revoke access")
        await keep_backup(app)
        app.stripe.faults.clear()
        await app.turn(DAY)
        assert subscription_of(app)["status"] == "canceled"
        assert len(app.stripe.world.all("refund")) == 1
    async with restored_at_once(app):
        await app.turn(DAY)
        await comes_to_rest(app)
        assert [refund["amount"] for refund in app.stripe.world.all("refund")] == [500]
        assert changes_of(app) == ["+Gold", "-Gold"]
        assert "revoked" in (await app.bob.run(app.guild, "subscribe")).text


# -- with PayPal, which has no list ------------------------------------------------------------------


def paypal_of(app: AppHarness) -> PayPalServer:
    assert app.paypal is not None
    return app.paypal


async def sell_by_paypal(app: AppHarness) -> None:
    sold = paypal_of(app).add_plan(paypal_of(app).add_product("Gold"), "5.00")["id"]
    wanted = PlanUpdate("Gold", add_role=app.gold.id, price_ids={"paypal": sold})
    await add_plan(app.ports, app.guild.id, wanted, app.ada.id)


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_after_a_restore_a_later_paypal_payment_on_an_earlier_page_keeps_the_role(
    idle_app: AppHarness,
) -> None:
    app = idle_app
    async with running(app):
        await sell_by_paypal(app)
        link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
        await keep_backup(app)
        paypal_of(app).approve(link)
        await app.settled()
        assert app.roles() == ["Gold"]
    app.clock.advance(DAY)
    async with restored_at_once(app):
        await comes(app, lambda: app.ports.ledger.load_subscriptions_of(app.bob.id))
        await app.settled()
        assert changes_of(app) == ["+Gold"]
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_after_a_restore_paypal_subscriptions_are_looked_up_before_roles_change(
    idle_app: AppHarness,
) -> None:
    """One went on, one was cancelled a while ago: neither notification comes again."""
    app = idle_app
    async with running(app):
        await sell_by_paypal(app)
        carol = await newcomer(app, "carol")
        for who in (app.bob, carol):
            link = link_of(await who.run(app.guild, "subscribe", {"plan": "Gold"}))
            paypal_of(app).approve(link, email=f"{who.name}@example.com")
            await app.settled()
        await keep_backup(app)
    paypal_of(app).delivery_faults.drop = 1000
    paypal_of(app).dashboard.cancel(paypal_of(app).world.all("subscription")[1].id)
    app.clock.advance(MONTH + DAY)
    paypal_of(app).catch_up()
    async with restored_at_once(app):
        await app.world.until(lambda: app.roles(carol) == [], "the role to go")
        await app.settled()
        assert changes_of(app, carol) == ["+Gold", "-Gold"]
        assert changes_of(app) == ["+Gold"]
        assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
