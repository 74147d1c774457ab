"""The main job, done by hand in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.sandbox.page.page_actions import (
    agree,
    be,
    fill_option,
    follow,
    newest,
    pay,
    roles,
    send,
    type_command,
)

pytestmark = pytest.mark.browser


async def test_a_member_buys_looks_cancels_and_loses_the_role_in_the_end(
    context: BrowserContext, page: Page
) -> None:
    await be(page, "Mia")
    await type_command(page, "/subscribe")
    await pay(context, page, "Pay €5.00 a month with Stripe")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])

    await type_command(page, "/subscriptions")
    await expect(newest(page)).to_contain_text("Renews on")
    await expect(newest(page)).to_contain_text("Only you can see this")

    await type_command(page, "/cancel")
    await newest(page).get_by_role("button", name="Cancel subscription").click()
    await expect(newest(page)).to_contain_text("Receipt")
    await expect(newest(page)).to_contain_text("Cancelled")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])

    await page.get_by_role("button", name="To the end of the period").click()
    await expect(roles(page, "Mia")).to_have_count(0)
    await expect(page.locator("#ledger")).to_contain_text("nothing includes it any more")
    await expect(page.locator("#events")).to_contain_text("customer.subscription.deleted")


async def test_an_admin_revokes_and_the_member_hears_of_it(context: BrowserContext, page: Page) -> None:
    await be(page, "Mia")
    await type_command(page, "/subscribe")
    await pay(context, page, "Pay €5.00 a month with Stripe")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])

    await be(page, "Ada")
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/revoke ")
    await fill_option(page, "member", "mi", "Mia")
    await fill_option(page, "when", "no", "now")
    await fill_option(page, "reason", "Threw a chair")
    await send(page)
    await newest(page).get_by_role("button", name="Revoke access").click()
    await expect(roles(page, "Mia")).to_have_count(0)
    await expect(newest(page).get_by_role("button", name="Undo")).to_be_visible()

    await be(page, "Mia")
    place = page.get_by_role("button", name=re.compile("DM with Dues"))
    await expect(place.locator(".unread")).to_be_visible()
    await place.click()
    await expect(newest(page)).to_contain_text("Threw a chair")
    await expect(place.locator(".unread")).to_have_count(0)


async def test_a_failed_payment_keeps_the_role_for_the_days_of_grace(
    context: BrowserContext, page: Page
) -> None:
    await type_command(page, "/subscribe")
    await pay(context, page, "Pay €5.00 a month with Stripe")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])

    await page.get_by_role("button", name="Next payment fails").click()
    await expect(page.get_by_role("button", name="Next payment will fail")).to_be_visible()
    await page.get_by_role("button", name="To the end of the period").click()
    await expect(page.locator("#desk")).to_contain_text("past due")
    await page.get_by_role("button", name=re.compile("DM with Dues")).click()
    await expect(newest(page)).to_contain_text("failed")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])


async def test_a_dispute_takes_the_role_and_winning_it_gives_it_back(
    context: BrowserContext, page: Page
) -> None:
    await type_command(page, "/subscribe")
    await pay(context, page, "Pay €5.00 a month with Stripe")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])
    await page.get_by_role("button", name="Dispute", exact=True).click()
    await expect(roles(page, "Mia")).to_have_count(0)
    await page.get_by_role("button", name="Dispute won").click()
    await expect(roles(page, "Mia")).to_have_text(["Gold"])


async def test_paying_with_paypal_from_the_first_day_to_the_last(context: BrowserContext, page: Page) -> None:
    await type_command(page, "/subscribe")
    await agree(context, page, "Pay €5.00 a month with PayPal")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])
    await expect(page.locator("#desk")).to_contain_text("PayPal's dashboard")
    await expect(page.locator("#events")).to_contain_text("BILLING.SUBSCRIPTION.ACTIVATED")

    await type_command(page, "/manage")
    paypal = await follow(context, page, "Open PayPal")
    await expect(paypal.get_by_role("link", name="Lantern Club")).to_contain_text("€5.00 every month")
    await paypal.close()

    await type_command(page, "/cancel")
    await expect(newest(page)).to_contain_text("You can't undo this")
    await newest(page).get_by_role("button", name="Cancel subscription").click()
    await expect(newest(page)).to_contain_text("Receipt")
    await expect(newest(page).get_by_role("button", name="Subscribe again")).to_be_visible()
    await expect(newest(page).get_by_role("button", name="Resume")).to_have_count(0)
    await expect(page.locator("#desk")).to_contain_text("Cancelled · paid until")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])

    await page.get_by_role("button", name="To the end of the period").click()
    await expect(roles(page, "Mia")).to_have_count(0)
    await expect(page.locator("#ledger")).to_contain_text("nothing includes it any more")


async def test_a_payment_that_fails_at_paypal_leaves_the_role_and_is_tried_again(
    context: BrowserContext, page: Page
) -> None:
    await type_command(page, "/subscribe")
    await agree(context, page, "Pay €5.00 a month with PayPal")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])
    await page.get_by_role("button", name="Next payment fails").click()
    await page.get_by_role("button", name="To the end of the period").click()
    await expect(page.locator("#desk")).to_contain_text("Payment failed")
    await page.get_by_role("button", name=re.compile("DM with Dues")).click()
    await expect(newest(page)).to_contain_text("failed")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])
    await page.get_by_role("button", name="To the end of the period").click()
    await expect(page.locator("#desk")).to_contain_text("Active")
    await expect(roles(page, "Mia")).to_have_text(["Gold"])
