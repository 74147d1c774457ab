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
from tests.app.harness import DAY, MONTH, AppHarness, running

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    """Gold is sold through both, for €5 and for $5 a month."""
    paypal = paypal_of(idle_app)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    async with running(idle_app):
        plan = await idle_app.sell()
        edit = PlanUpdate(price_ids={"paypal": sold})
        await edit_plan(idle_app.ports, plan.guild_id, plan.id, edit, idle_app.ada.id)
        yield idle_app


def paypal_of(app: AppHarness) -> PayPalServer:
    assert app.paypal is not None
    return app.paypal


def approve_link(reply: Reply) -> str:
    (url,) = [button.url for button in reply.buttons if button.url and "PayPal" in button.label]
    return url


async def buy(app: AppHarness) -> str:
    """By PayPal; the subscription's id."""
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(app).approve(approve_link(reply))
    await app.settled()
    found = re.search(r"subscription_id=(I-\w+)", back)
    assert found
    return found.group(1)


async def until(app: AppHarness, holds: Callable[[], bool]) -> None:
    """Wait for something in Discord; looked at after everything that happens there."""
    feed = app.world.subscribe()
    async with asyncio.timeout(30):
        while not holds():
            await feed.get()


async def test_a_plan_shows_its_stripe_and_paypal_links_together(app: AppHarness) -> None:
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    labels = [button.label for button in reply.buttons]
    assert labels == ["Pay €5.00 a month with Stripe", "Pay $5.00 a month with PayPal"]
    assert "€5.00 a month" in reply.text
    assert "$5.00 a month" in reply.text


async def test_approving_at_paypal_leads_back_and_gives_the_role(app: AppHarness) -> None:
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(app).approve(approve_link(reply))
    assert back.startswith(f"http://127.0.0.1:{app.port}/return?from=paid&")
    await app.settled()
    assert app.roles() == ["Gold"]
    card = await app.bob.run(app.guild, "subscriptions")
    assert "through PayPal" in card.text
    assert "Renews on <t:" in card.text
    started = await app.bob.dm_containing("Thank you")
    assert "PayPal" in started.text


async def test_an_unapproved_paypal_page_is_not_a_subscription(app: AppHarness) -> None:
    first = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    paypal_of(app).decline(approve_link(first))
    await app.settled()
    assert (
        "The bot couldn't find an active subscription of yours"
        in (await app.bob.run(app.guild, "subscriptions")).text
    )
    again = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert approve_link(again) == approve_link(first)


async def test_manage_links_to_paypals_automatic_payments(app: AppHarness) -> None:
    await buy(app)
    reply = await app.bob.run(app.guild, "manage")
    assert [b.url for b in reply.buttons] == [paypal_of(app).autopay_url]
    assert "Sign in to PayPal" in reply.text


async def test_cancelling_at_paypal_warns_that_it_is_final_and_keeps_the_paid_time(app: AppHarness) -> None:
    subscription_id = await buy(app)
    asked = await app.bob.run(app.guild, "cancel")
    assert "immediately and permanently" in asked.text
    assert "You can't undo this" in asked.text
    (end,) = set(re.findall(r"<t:(\d+):D>", asked.text))
    receipt = await asked.press("Cancel subscription")
    assert f"until <t:{end}:D>" in receipt.text
    assert [b.label for b in receipt.buttons] == ["Subscribe again"]
    assert paypal_of(app).subscription(subscription_id).status == "CANCELLED"
    await app.settled()
    assert app.roles() == ["Gold"]
    card = await app.bob.run(app.guild, "subscriptions")
    assert f"keep your roles until <t:{end}:D>" in card.text
    assert [b.label for b in card.buttons] == ["Subscribe again", "Why these roles?"]
    await app.turn(int(end) - app.clock.now() - DAY)
    await until(app, lambda: app.roles() == ["Gold"])
    await app.turn(DAY + 60)
    await until(app, lambda: app.roles() == [])
    await app.bob.dm_containing("has ended")


async def test_a_cancelled_paypal_subscription_is_listed_until_its_paid_time_ends(app: AppHarness) -> None:
    """An agreement by the year is over most of a year before what it paid for."""
    yearly = paypal_of(app).add_plan(paypal_of(app).add_product("Silver"), "50.00", "YEAR")["id"]
    edit = PlanUpdate(price_ids={"paypal": yearly})
    await edit_plan(app.ports, app.guild.id, 1, edit, app.ada.id)
    subscription_id = await buy(app)
    paypal_of(app).cancel_automatic_payment(subscription_id)
    await app.settled()
    await app.turn(3 * MONTH)
    assert app.roles() == ["Gold"]
    card = await app.bob.run(app.guild, "subscriptions")
    assert "when the last period ends" in card.text


async def test_cancelling_right_after_approval_keeps_the_whole_period(app: AppHarness) -> None:
    """PayPal shows the start in the place of the next payment then."""
    paypal_of(app).world.settings.stale_billing_seconds = 3600
    subscription_id = await buy(app)
    asked = await app.bob.run(app.guild, "cancel")
    (end,) = set(re.findall(r"<t:(\d+):D>", asked.text))
    assert int(end) > app.clock.now() + 27 * DAY
    await asked.press("Cancel subscription")
    await app.settled()
    assert paypal_of(app).subscription(subscription_id).status == "CANCELLED"
    await app.turn(26 * DAY)
    assert app.roles() == ["Gold"]
    await app.turn(6 * DAY)
    await until(app, lambda: app.roles() == [])


async def test_a_new_paypal_subscription_starts_when_the_paid_time_ends(app: AppHarness) -> None:
    first = await buy(app)
    asked = await app.bob.run(app.guild, "cancel")
    receipt = await asked.press("Cancel subscription")
    offered = await receipt.press("Subscribe again")
    (end,) = set(re.findall(r"You have this plan until <t:(\d+):D>", offered.text))
    assert "you won't be charged until then" in offered.text
    paypal_of(app).approve(approve_link(offered))
    await app.settled()
    live = [s for s in paypal_of(app).world.all("subscription") if s.status == "ACTIVE"]
    assert [s.start for s in live] == [int(end)]
    assert first not in [s.id for s in live]
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == ["Gold"])
    assert paypal_of(app).dashboard.last_sale(live[0].id).status == "COMPLETED"


async def test_a_cancellation_on_paypals_own_page_keeps_the_paid_time(app: AppHarness) -> None:
    subscription_id = await buy(app)
    paypal_of(app).cancel_automatic_payment(subscription_id)
    await app.settled()
    assert app.roles() == ["Gold"]
    card = await app.bob.run(app.guild, "subscriptions")
    assert "when the last period ends" in card.text
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == [])


async def test_an_immediate_revocation_ends_paypal_billing_and_refunds(app: AppHarness) -> None:
    subscription_id = await buy(app)
    asked = await app.ada.run(
        app.guild, "revoke", {"member": app.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    )
    assert "$5.00" in asked.text
    done = await asked.press("Revoke access")
    assert "$5.00" in done.text
    await app.settled()
    assert app.roles() == []
    assert paypal_of(app).subscription(subscription_id).status == "CANCELLED"
    assert paypal_of(app).dashboard.last_sale(subscription_id).status == "REFUNDED"
    again = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "revoked" in again.text


async def test_a_revocation_at_the_period_end_keeps_the_paid_paypal_time(app: AppHarness) -> None:
    subscription_id = await buy(app)
    asked = await app.ada.run(app.guild, "revoke", {"member": app.bob})
    await asked.press("Revoke access")
    await app.settled()
    assert paypal_of(app).subscription(subscription_id).status == "CANCELLED"
    await app.turn(MONTH - 4 * DAY)
    await until(app, lambda: app.roles() == ["Gold"])
    await app.turn(5 * DAY)
    await until(app, lambda: app.roles() == [])


async def test_a_revocation_at_the_period_end_refunds_at_once(app: AppHarness) -> None:
    subscription_id = await buy(app)
    asked = await app.ada.run(app.guild, "revoke", {"member": app.bob, "refund": "last_payment"})
    assert "$5.00" in asked.text
    await asked.press("Revoke access")
    await app.settled()
    assert paypal_of(app).subscription(subscription_id).status == "CANCELLED"
    assert paypal_of(app).dashboard.last_sale(subscription_id).status == "REFUNDED"
    assert app.roles() == ["Gold"]
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == [])


async def test_a_failed_paypal_payment_has_its_days_of_grace(app: AppHarness) -> None:
    await buy(app)
    paypal_of(app).dashboard.fail_next_payment(times=5)
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == ["Gold"])
    await app.bob.dm_containing("failed")
    await app.turn(9 * DAY)
    await until(app, lambda: app.roles() == [])


async def test_a_late_successful_paypal_payment_ends_the_grace(app: AppHarness) -> None:
    await buy(app)
    paypal_of(app).dashboard.fail_next_payment(times=1)
    await app.turn(MONTH + DAY)
    assert "last payment failed" in (await app.bob.run(app.guild, "subscriptions")).text
    await app.turn(6 * DAY)
    await until(app, lambda: app.roles() == ["Gold"])
    assert "Renews on" in (await app.bob.run(app.guild, "subscriptions")).text


async def test_a_suspended_paypal_subscription_keeps_its_paid_time_and_can_be_reactivated(
    app: AppHarness,
) -> None:
    subscription_id = await buy(app)
    paypal_of(app).dashboard.suspend(subscription_id)
    await app.settled()
    assert app.roles() == ["Gold"], "it is paid"
    assert "Paused" in (await app.bob.run(app.guild, "subscriptions")).text
    await app.turn(MONTH + DAY)
    await until(app, lambda: app.roles() == [])
    paypal_of(app).dashboard.activate(subscription_id)
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_a_paypal_dispute_suspends_access_until_it_is_won(app: AppHarness) -> None:
    subscription_id = await buy(app)
    sale = paypal_of(app).dashboard.last_sale(subscription_id)
    dispute = paypal_of(app).dashboard.dispute(sale.id)
    await app.settled()
    assert app.roles() == []
    paypal_of(app).dashboard.win(dispute["dispute_id"])
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_a_reversed_paypal_payment_gives_no_access(app: AppHarness) -> None:
    subscription_id = await buy(app)
    paypal_of(app).dashboard.reverse(paypal_of(app).dashboard.last_sale(subscription_id).id)
    await app.settled()
    assert app.roles() == []


async def test_a_sweep_fetches_each_running_paypal_subscription_and_the_disputes(app: AppHarness) -> None:
    bought = await buy(app)
    paypal_of(app).exchanges.clear()
    before = app.discord.calls.copy()
    app.clock.advance(60)
    assert await sweep(app.ports) == []
    await app.settled()
    asked = [exchange.path for exchange in paypal_of(app).exchanges if "oauth2" not in exchange.path]
    assert sorted(asked) == [f"/v1/billing/subscriptions/{bought}", "/v1/customer/disputes"]
    assert app.discord.calls - before == {"gateway members": 1}


async def test_a_sweep_makes_up_for_lost_paypal_notifications(app: AppHarness) -> None:
    paypal_of(app).delivery_faults.drop = 1000
    subscription_id = await buy(app)
    await sweep(app.ports)
    await until(app, lambda: app.roles() == ["Gold"])
    paypal_of(app).dashboard.cancel(subscription_id)
    app.clock.advance(MONTH + DAY)
    await sweep(app.ports)
    await until(app, lambda: app.roles() == [])


async def test_doctor_shows_a_fault_of_the_paypal_setup_and_fixes_it(app: AppHarness) -> None:
    report = await app.ada.run(app.guild, "doctor")
    assert "PayPal accepts the credentials" in report.text
    assert "The plan is on sale at PayPal" in report.text


@pytest.mark.parametrize(
    ("issue", "said"),
    [
        ("SUBSCRIPTION_STATUS_INVALID", "try again in a few minutes"),
        ("USER_ACCOUNT_CLOSED", "PayPal has locked or closed an account that's needed for this"),
        ("NEW_AND_UNKNOWN", "tell the server's admins. The reason is in the bot's log"),
    ],
)
async def test_a_paypal_refusal_says_what_happened_and_what_to_do(
    app: AppHarness, caplog: pytest.LogCaptureFixture, issue: str, said: str
) -> None:
    await buy(app)
    asked = await app.bob.run(app.guild, "cancel")
    paypal_of(app).faults.add("status", "/cancel$", status=422, issue=issue)
    with caplog.at_level(logging.INFO, "billing"):
        reply = await asked.press("Cancel subscription")
    assert "### Not cancelled\n" in reply.text
    assert said in reply.text
    assert [b.url for b in reply.buttons if b.url] == [paypal_of(app).autopay_url]
    assert issue in caplog.text


async def test_a_refused_paypal_refund_says_why(app: AppHarness) -> None:
    await buy(app)
    order = {"member": app.bob.user, "when": "now", "refund": "last_payment"}
    asked = await app.cleo.run(app.guild, "revoke", order)
    issue = "REFUND_FAILED_INSUFFICIENT_FUNDS"
    paypal_of(app).faults.add("status", "/refund$", status=422, issue=issue)
    done = await asked.press("Revoke access")
    assert "**Refund the last payment**: PayPal rejected this. The seller's PayPal account" in done.text
    assert "Billing ended immediately." in done.text


async def test_undoing_a_revocation_restores_the_paid_paypal_days(
    app: AppHarness,
) -> None:
    subscription_id = await buy(app)
    end = (await app.ports.ledger.load_subscriptions_of(app.bob.id))[0].paid_through
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": "now"})
    done = await asked.press("Revoke access")
    await app.settled()
    assert (app.roles(), paypal_of(app).subscription(subscription_id).status) == ([], "CANCELLED")
    assert f"paid days back until <t:{end}:D>" in (await done.press("Undo")).text
    await app.settled()
    assert app.roles() == ["Gold"]
    sale = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    assert "you won't be charged until then" in sale.text
    await app.turn(MONTH)
    assert app.roles() == []


async def test_a_revocation_at_the_period_end_warns_that_paypal_cannot_resume(app: AppHarness) -> None:
    await buy(app)
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert "PayPal will end the billing for good,** so Undo can't restart it" in asked.text
