"""Yesterday's backup is put in place: what happened since is fetched first, and nobody loses a role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from billing.use_cases.plans import PlanUpdate, add_plan
from standins.paypal import PayPalServer
from tests.cogs.town import DAY, MONTH, Town, link_of, running
from tests.faults.neighbours.ways import changes_of, comes, comes_to_rest, newcomer, subscription_of


async def keep_backup(town: Town) -> Path:
    """A copy of the ledger as it is now."""
    assert town.process is not None
    backup = town.path.with_name("backup.db")
    await town.process.ledger.backup(backup)
    return backup


def restore(town: Town) -> None:
    """As docs/operations.md tells."""
    for old in town.path.parent.glob(f"{town.path.name}*"):
        old.unlink()
    town.path.with_name("backup.db").rename(town.path)


@asynccontextmanager
async def restored(town: Town) -> AsyncIterator[None]:
    """The program over the backup; Stripe holds back every answer about one subscription until the program
    has done whatever it does without, and answered two commands besides."""
    restore(town)
    held = town.stripe.faults.add("stall", r"/subscriptions/sub_", method="GET", times=None)
    async with running(town):
        await town.stripe.faults.reached.wait()
        for person, command in ((town.ada, "plans list"), (town.ada, "doctor")):
            await person.run(town.guild, command)
        town.stripe.faults.waiting.remove(held)
        town.stripe.faults.release()
        await town.settled()
        yield


async def test_who_paid_what_they_owed_since_keeps_the_role(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        town.stripe.world.settings.decline_next = 2
        await town.turn(MONTH + DAY)
        assert subscription_of(town)["status"] == "past_due"
        await keep_backup(town)
        await town.turn(3 * DAY)
        assert subscription_of(town)["status"] == "active"
    town.clock.advance(8 * DAY)
    async with restored(town):
        assert changes_of(town) == ["+Gold"]
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text
        await town.turn(60)
        await comes_to_rest(town)
        assert changes_of(town) == ["+Gold"]


async def test_who_resumed_since_keeps_the_role(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        question = await town.bob.run(town.guild, "cancel")
        receipt = await question.press("Cancel subscription")
        await town.settled()
        await keep_backup(town)
        await receipt.press("Resume")
        await town.settled()
    town.clock.advance(MONTH + DAY)
    town.stripe.catch_up()
    async with restored(town):
        assert changes_of(town) == ["+Gold"]
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_who_came_since_keeps_the_role(still_town: Town) -> None:
    """The backup does not know them, so the bot does not remember that it gave the role."""
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        await keep_backup(town)
        carol = await newcomer(town, "carol")
        await town.buy(carol)
    async with restored_at_once(town):
        await town.turn(2 * DAY)
        assert changes_of(town, carol) == ["+Gold"]
        assert town.roles(carol) == ["Gold"]


@asynccontextmanager
async def restored_at_once(town: Town) -> AsyncIterator[None]:
    restore(town)
    async with running(town):
        await town.settled()
        yield


async def test_what_ended_since_is_fetched(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        await keep_backup(town)
    town.stripe.delivery_faults.drop = 100
    town.stripe.dashboard.cancel_now(subscription_of(town)["id"])
    async with restored_at_once(town):
        await town.world.until(lambda: town.roles() == [], "the role to go")
        await town.settled()
        assert changes_of(town) == ["+Gold", "-Gold"]
        assert len([card for card in town.bob.dms if "has ended" in card.text]) == 1


async def test_what_was_paid_since_on_a_page_made_before_is_fetched(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        await keep_backup(town)
        (url,) = [button.url for button in reply.buttons if button.url]
        town.stripe.pay_checkout(url)
        await town.settled()
        assert town.roles() == ["Gold"]
    async with restored_at_once(town):
        await comes(town, lambda: town.ports.ledger.load_subscriptions_of(town.bob.id))
        await town.settled()
        assert changes_of(town) == ["+Gold"]
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_a_wish_that_was_carried_out_since_is_not_carried_out_again(still_town: Town) -> None:
    """The backup holds a revocation with its refund that Stripe had not answered yet."""
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        town.stripe.faults.add("status", r"/subscriptions/sub_|/refunds", times=None, status=503)
        order = {"member": town.bob, "when": "now", "refund": "last_payment"}
        await (await town.ada.run(town.guild, "revoke", order)).press("Revoke access")
        await keep_backup(town)
        town.stripe.faults.clear()
        await town.turn(DAY)
        assert subscription_of(town)["status"] == "canceled"
        assert len(town.stripe.world.all("refund")) == 1
    async with restored_at_once(town):
        await town.turn(DAY)
        await comes_to_rest(town)
        assert [refund["amount"] for refund in town.stripe.world.all("refund")] == [500]
        assert changes_of(town) == ["+Gold", "-Gold"]
        assert "revoked" in (await town.bob.run(town.guild, "subscribe")).text


# -- with PayPal, which has no list ------------------------------------------------------------------


def paypal_of(town: Town) -> PayPalServer:
    assert town.paypal is not None
    return town.paypal


async def sell_by_paypal(town: Town) -> None:
    sold = paypal_of(town).add_plan(paypal_of(town).add_product("Gold"), "5.00")["id"]
    wanted = PlanUpdate("Gold", add_role=town.gold.id, price_ids={"paypal": sold})
    await add_plan(town.ports, town.guild.id, wanted, town.ada.id)


@pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
async def test_paypal_who_paid_since_on_a_page_made_before_keeps_the_role(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await sell_by_paypal(town)
        link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
        await keep_backup(town)
        paypal_of(town).approve(link)
        await town.settled()
        assert town.roles() == ["Gold"]
    town.clock.advance(DAY)
    async with restored_at_once(town):
        await comes(town, lambda: town.ports.ledger.load_subscriptions_of(town.bob.id))
        await town.settled()
        assert changes_of(town) == ["+Gold"]
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text


@pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
async def test_paypal_who_was_renewed_or_ended_since_is_looked_up_first(still_town: Town) -> None:
    """One went on, one was cancelled a while ago: neither notification comes again."""
    town = still_town
    async with running(town):
        await sell_by_paypal(town)
        carol = await newcomer(town, "carol")
        for who in (town.bob, carol):
            link = link_of(await who.run(town.guild, "subscribe", {"plan": "Gold"}))
            paypal_of(town).approve(link, email=f"{who.name}@example.com")
            await town.settled()
        await keep_backup(town)
    paypal_of(town).delivery_faults.drop = 1000
    paypal_of(town).dashboard.cancel(paypal_of(town).world.all("subscription")[1].id)
    town.clock.advance(MONTH + DAY)
    paypal_of(town).catch_up()
    async with restored_at_once(town):
        await town.world.until(lambda: town.roles(carol) == [], "the role to go")
        await town.settled()
        assert changes_of(town, carol) == ["+Gold", "-Gold"]
        assert changes_of(town) == ["+Gold"]
        assert "Renews" in (await town.bob.run(town.guild, "subscriptions")).text
