"""The same commands, cards and promises for who pays by PayPal."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable

import pytest

from billing.use_cases.plans import PlanUpdate, edit_plan
from billing.use_cases.sweep import sweep
from standins.discord import Reply
from standins.paypal import PayPalServer
from tests.cogs.town import DAY, MONTH, Town, running

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)


@pytest.fixture
async def town(still_town: Town) -> AsyncIterator[Town]:
    """Gold is sold through both, for €5 and for $5 a month."""
    paypal = paypal_of(still_town)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    async with running(still_town):
        plan = await still_town.sell()
        edit = PlanUpdate(price_ids={"paypal": sold})
        await edit_plan(still_town.ports, plan.guild_id, plan.id, edit, still_town.ada.id)
        yield still_town


def paypal_of(town: Town) -> PayPalServer:
    assert town.paypal is not None
    return town.paypal


def approve_link(reply: Reply) -> str:
    (url,) = [button.url for button in reply.buttons if button.url and "PayPal" in button.label]
    return url


async def buy(town: Town) -> str:
    """By PayPal; the subscription's id."""
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(town).approve(approve_link(reply))
    await town.settled()
    found = re.search(r"subscription_id=(I-\w+)", back)
    assert found
    return found.group(1)


async def until(town: Town, holds: Callable[[], bool]) -> None:
    """Wait for something in Discord; looked at after everything that happens there."""
    feed = town.world.subscribe()
    async with asyncio.timeout(30):
        while not holds():
            await feed.get()


async def test_both_ways_stand_side_by_side(town: Town) -> None:
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    labels = [button.label for button in reply.buttons]
    assert labels == ["Pay €5.00 a month with Stripe", "Pay $5.00 a month with PayPal"]
    assert "€5.00 a month" in reply.text
    assert "$5.00 a month" in reply.text


async def test_agreeing_leads_back_and_becomes_a_role(town: Town) -> None:
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(town).approve(approve_link(reply))
    assert back.startswith(f"http://127.0.0.1:{town.port}/return?from=paid&")
    await town.settled()
    assert town.roles() == ["Gold"]
    card = await town.bob.run(town.guild, "subscriptions")
    assert "through PayPal" in card.text
    assert "Renews on <t:" in card.text
    started = await town.bob.dm_containing("Thank you")
    assert "PayPal" in started.text


async def test_a_page_that_nobody_agreed_on_is_no_subscription(town: Town) -> None:
    first = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    paypal_of(town).decline(approve_link(first))
    await town.settled()
    assert (
        "The bot knows of no running subscription of yours"
        in (await town.bob.run(town.guild, "subscriptions")).text
    )
    again = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert approve_link(again) == approve_link(first)


async def test_managing_leads_to_the_automatic_payments(town: Town) -> None:
    await buy(town)
    reply = await town.bob.run(town.guild, "manage")
    assert [b.url for b in reply.buttons] == [paypal_of(town).autopay_url]
    assert "Sign in at PayPal" in reply.text


async def test_cancelling_says_beforehand_that_it_is_final_and_keeps_what_is_paid(town: Town) -> None:
    subscription_id = await buy(town)
    asked = await town.bob.run(town.guild, "cancel")
    assert "at once and for good" in asked.text
    assert "cannot be taken back" in asked.text
    (end,) = set(re.findall(r"<t:(\d+):D>", asked.text))
    receipt = await asked.press("Cancel subscription")
    assert f"until <t:{end}:D>" in receipt.text
    assert [b.label for b in receipt.buttons] == ["Subscribe again"]
    assert paypal_of(town).subscription(subscription_id).status == "CANCELLED"
    await town.settled()
    assert town.roles() == ["Gold"]
    card = await town.bob.run(town.guild, "subscriptions")
    assert f"paid until <t:{end}:D>" in card.text
    assert [b.label for b in card.buttons] == ["Subscribe again"]
    await town.turn(int(end) - town.clock.now() - DAY)
    await until(town, lambda: town.roles() == ["Gold"])
    await town.turn(DAY + 60)
    await until(town, lambda: town.roles() == [])
    await town.bob.dm_containing("has ended")


async def test_what_is_paid_is_listed_for_as_long_as_it_gives_its_roles(town: Town) -> None:
    """An agreement by the year is over most of a year before what it paid for."""
    yearly = paypal_of(town).add_plan(paypal_of(town).add_product("Silver"), "50.00", "YEAR")["id"]
    edit = PlanUpdate(price_ids={"paypal": yearly})
    await edit_plan(town.ports, town.guild.id, 1, edit, town.ada.id)
    subscription_id = await buy(town)
    paypal_of(town).cancel_automatic_payment(subscription_id)
    await town.settled()
    await town.turn(3 * MONTH)
    assert town.roles() == ["Gold"]
    card = await town.bob.run(town.guild, "subscriptions")
    assert "It is paid until" in card.text


async def test_cancelling_right_after_agreeing_keeps_the_whole_period(town: Town) -> None:
    """PayPal shows the start in the place of the next payment then."""
    paypal_of(town).world.settings.stale_billing_seconds = 3600
    subscription_id = await buy(town)
    asked = await town.bob.run(town.guild, "cancel")
    (end,) = set(re.findall(r"<t:(\d+):D>", asked.text))
    assert int(end) > town.clock.now() + 27 * DAY
    await asked.press("Cancel subscription")
    await town.settled()
    assert paypal_of(town).subscription(subscription_id).status == "CANCELLED"
    await town.turn(26 * DAY)
    assert town.roles() == ["Gold"]
    await town.turn(6 * DAY)
    await until(town, lambda: town.roles() == [])


async def test_subscribing_again_starts_where_the_paid_time_ends(town: Town) -> None:
    first = await buy(town)
    asked = await town.bob.run(town.guild, "cancel")
    receipt = await asked.press("Cancel subscription")
    offered = await receipt.press("Subscribe again")
    (end,) = set(re.findall(r"You have this until <t:(\d+):D>", offered.text))
    assert "first payment is taken only then" in offered.text
    paypal_of(town).approve(approve_link(offered))
    await town.settled()
    live = [s for s in paypal_of(town).world.all("subscription") if s.status == "ACTIVE"]
    assert [s.start for s in live] == [int(end)]
    assert first not in [s.id for s in live]
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == ["Gold"])
    assert paypal_of(town).dashboard.last_sale(live[0].id).status == "COMPLETED"


async def test_cancelling_at_paypal_itself_is_the_same(town: Town) -> None:
    subscription_id = await buy(town)
    paypal_of(town).cancel_automatic_payment(subscription_id)
    await town.settled()
    assert town.roles() == ["Gold"]
    card = await town.bob.run(town.guild, "subscriptions")
    assert "It is paid until" in card.text
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == [])


async def test_revoking_now_takes_the_role_ends_the_billing_and_gives_money_back(town: Town) -> None:
    subscription_id = await buy(town)
    asked = await town.ada.run(
        town.guild, "revoke", {"member": town.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    )
    assert "$5.00" in asked.text
    done = await asked.press("Revoke access")
    assert "$5.00" in done.text
    await town.settled()
    assert town.roles() == []
    assert paypal_of(town).subscription(subscription_id).status == "CANCELLED"
    assert paypal_of(town).dashboard.last_sale(subscription_id).status == "REFUNDED"
    again = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "revoked" in again.text


async def test_revoking_at_the_end_keeps_what_is_paid(town: Town) -> None:
    subscription_id = await buy(town)
    asked = await town.ada.run(town.guild, "revoke", {"member": town.bob})
    await asked.press("Revoke access")
    await town.settled()
    assert paypal_of(town).subscription(subscription_id).status == "CANCELLED"
    await town.turn(MONTH - 4 * DAY)
    await until(town, lambda: town.roles() == ["Gold"])
    await town.turn(5 * DAY)
    await until(town, lambda: town.roles() == [])


async def test_revoking_at_the_end_gives_money_back_at_once(town: Town) -> None:
    subscription_id = await buy(town)
    asked = await town.ada.run(town.guild, "revoke", {"member": town.bob, "refund": "last_payment"})
    assert "$5.00" in asked.text
    await asked.press("Revoke access")
    await town.settled()
    assert paypal_of(town).subscription(subscription_id).status == "CANCELLED"
    assert paypal_of(town).dashboard.last_sale(subscription_id).status == "REFUNDED"
    assert town.roles() == ["Gold"]
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == [])


async def test_a_failed_payment_has_its_days_of_grace(town: Town) -> None:
    await buy(town)
    paypal_of(town).dashboard.fail_next_payment(times=5)
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == ["Gold"])
    await town.bob.dm_containing("failed")
    await town.turn(9 * DAY)
    await until(town, lambda: town.roles() == [])


async def test_a_payment_that_succeeds_after_all_ends_the_grace(town: Town) -> None:
    await buy(town)
    paypal_of(town).dashboard.fail_next_payment(times=1)
    await town.turn(MONTH + DAY)
    assert "last payment failed" in (await town.bob.run(town.guild, "subscriptions")).text
    await town.turn(6 * DAY)
    await until(town, lambda: town.roles() == ["Gold"])
    assert "Renews on" in (await town.bob.run(town.guild, "subscriptions")).text


async def test_suspended_and_activated_again(town: Town) -> None:
    subscription_id = await buy(town)
    paypal_of(town).dashboard.suspend(subscription_id)
    await town.settled()
    assert town.roles() == ["Gold"], "it is paid"
    assert "Paused" in (await town.bob.run(town.guild, "subscriptions")).text
    await town.turn(MONTH + DAY)
    await until(town, lambda: town.roles() == [])
    paypal_of(town).dashboard.activate(subscription_id)
    await town.settled()
    assert town.roles() == ["Gold"]


async def test_a_dispute_holds_access_until_it_is_won(town: Town) -> None:
    subscription_id = await buy(town)
    sale = paypal_of(town).dashboard.last_sale(subscription_id)
    dispute = paypal_of(town).dashboard.dispute(sale.id)
    await town.settled()
    assert town.roles() == []
    paypal_of(town).dashboard.win(dispute["dispute_id"])
    await town.settled()
    assert town.roles() == ["Gold"]


async def test_a_reversed_payment_gives_no_access(town: Town) -> None:
    subscription_id = await buy(town)
    paypal_of(town).dashboard.reverse(paypal_of(town).dashboard.last_sale(subscription_id).id)
    await town.settled()
    assert town.roles() == []


async def test_a_sweep_asks_for_each_living_one_and_for_disputes(town: Town) -> None:
    bought = await buy(town)
    paypal_of(town).exchanges.clear()
    before = town.discord.calls.copy()
    town.clock.advance(60)
    assert await sweep(town.ports) == []
    await town.settled()
    asked = [exchange.path for exchange in paypal_of(town).exchanges if "oauth2" not in exchange.path]
    assert sorted(asked) == [f"/v1/billing/subscriptions/{bought}", "/v1/customer/disputes"]
    assert town.discord.calls - before == {"gateway members": 1}


async def test_lost_notifications_heal_by_the_sweep(town: Town) -> None:
    paypal_of(town).delivery_faults.drop = 1000
    subscription_id = await buy(town)
    assert town.roles() == []
    await sweep(town.ports)
    await until(town, lambda: town.roles() == ["Gold"])
    paypal_of(town).dashboard.cancel(subscription_id)
    town.clock.advance(MONTH + DAY)
    await sweep(town.ports)
    await until(town, lambda: town.roles() == [])


async def test_an_admin_hears_what_is_wrong_and_lets_the_bot_mend_it(town: Town) -> None:
    report = await town.ada.run(town.guild, "doctor")
    assert "PayPal accepts them" in report.text
    assert "The plan is on sale at PayPal" in report.text


@pytest.mark.parametrize(
    ("issue", "said"),
    [
        ("SUBSCRIPTION_STATUS_INVALID", "try again in a few minutes"),
        ("USER_ACCOUNT_CLOSED", "look whether yours at PayPal is all right"),
        ("NEW_AND_UNKNOWN", "tell the server's admins; the bot's log names the reason"),
    ],
)
async def test_a_refusal_says_what_happened_and_what_to_do(
    town: Town, caplog: pytest.LogCaptureFixture, issue: str, said: str
) -> None:
    await buy(town)
    asked = await town.bob.run(town.guild, "cancel")
    paypal_of(town).faults.add("status", "/cancel$", status=422, issue=issue)
    with caplog.at_level(logging.INFO, "billing"):
        reply = await asked.press("Cancel subscription")
    assert "### Not cancelled\n" in reply.text
    assert said in reply.text
    assert [b.url for b in reply.buttons if b.url] == [paypal_of(town).autopay_url]
    assert issue in caplog.text


async def test_a_refund_that_is_refused_says_why(town: Town) -> None:
    await buy(town)
    order = {"member": town.bob.user, "when": "now", "refund": "last_payment"}
    asked = await town.cleo.run(town.guild, "revoke", order)
    issue = "REFUND_FAILED_INSUFFICIENT_FUNDS"
    paypal_of(town).faults.add("status", "/refund$", status=422, issue=issue)
    done = await asked.press("Revoke access")
    assert "PayPal refused refunding the last payment.** There is too little money" in done.text
    assert "Billing ended at once." in done.text


async def test_revoked_at_once_and_undone_the_paid_days_are_back_and_the_next_ones_are_sold(
    town: Town,
) -> None:
    subscription_id = await buy(town)
    end = (await town.ports.ledger.load_subscriptions_of(town.bob.id))[0].paid_through
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": "now"})
    done = await asked.press("Revoke access")
    await town.settled()
    assert (town.roles(), paypal_of(town).subscription(subscription_id).status) == ([], "CANCELLED")
    assert f"paid days back until <t:{end}:D>" in (await done.press("Undo")).text
    await town.settled()
    assert town.roles() == ["Gold"]
    sale = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert "the first payment is taken only then" in sale.text
    await town.turn(MONTH)
    assert town.roles() == []


async def test_a_stop_at_the_periods_end_is_said_to_be_final_before(town: Town) -> None:
    await buy(town)
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    assert "PayPal ends the billing for good,** so Undo cannot restart it" in asked.text
