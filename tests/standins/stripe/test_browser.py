"""The hosted pages in a real browser, on a phone's screen."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from playwright.async_api import async_playwright

from standins.stripe import StripeServer

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.mark.browser
async def test_a_customer_buys_and_cancels_on_a_phone(
    client: stripe.StripeClient, fake: StripeServer, gold: Any, chromium: str
) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {"mode": "subscription", "line_items": [{"price": gold["id"], "quantity": 1}]}
    )
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=chromium, args=ARGUMENTS.split())
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        broken: list[str] = []
        page.on("pageerror", lambda fault: broken.append(str(fault)))
        page.on("console", lambda line: broken.append(line.text) if line.type == "error" else None)
        await page.goto(str(session.url))
        await page.get_by_label("E-mail").fill("ada@example.com")
        await page.get_by_label("Name on card").fill("Ada Member")
        await page.get_by_role("button", name="Subscribe").click()
        await page.get_by_role("heading", name="Thank you").wait_for()
        subscription = fake.world.all("subscription")[0]
        await page.goto(fake.portal_link(subscription["customer"]))
        wide = await page.evaluate("document.documentElement.scrollWidth")
        await page.get_by_role("link", name="Cancel plan").click()
        await page.get_by_role("button", name="Cancel plan").click()
        await page.get_by_text("will be canceled on").wait_for()
        await browser.close()
    assert wide <= 390
    assert broken == []
    assert subscription["cancel_at"] == subscription["items"]["data"][0]["current_period_end"]
