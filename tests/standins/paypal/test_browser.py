"""The hosted pages in a real browser, on a phone's screen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import async_playwright

from standins.paypal import PayPalServer
from tests.standins.paypal.helpers import Client, link

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.mark.browser
async def test_a_buyer_approves_and_cancels_on_a_phone(
    client: Client, fake: PayPalServer, gold: Any, chromium: str
) -> None:
    back = {"return_url": f"{fake.url}/myaccount/autopay/", "cancel_url": f"{fake.url}/myaccount/autopay/"}
    made = await client.pending(gold, application_context={**back, "brand_name": "Lantern Club"})
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=chromium, args=ARGUMENTS.split())
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        broken: list[str] = []
        page.on("pageerror", lambda fault: broken.append(str(fault)))
        page.on("console", lambda line: broken.append(line.text) if line.type == "error" else None)
        await page.goto(link(made, "approve"))
        await page.get_by_label("Email").fill("mia.with.a.rather.long.name@lanterns.example.com")
        await page.get_by_label("Password").fill("secret")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("heading", name="Subscribe to Lantern Club").wait_for()
        wide = [await page.evaluate("document.documentElement.scrollWidth")]
        await page.get_by_role("button", name="Agree & Subscribe").click()
        await page.get_by_role("link", name="Lantern Club").click()
        wide.append(await page.evaluate("document.documentElement.scrollWidth"))
        assert (await client.show(made))["status"] == "ACTIVE"
        await page.get_by_role("button", name="Cancel automatic payments").click()
        await page.get_by_text("Nothing more is taken").wait_for()
        await browser.close()
    assert max(wide) <= 390
    assert broken == []
    assert (await client.show(made))["status"] == "CANCELLED"
