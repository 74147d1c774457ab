"""Takes the screenshots in docs/images in Chromium: `make screenshots`.

The bot, the page and the hosted payment pages are those of the sandbox; a browser plays the people. The clock
starts at the same moment each time, so that the pictures differ only where the program does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import time
from pathlib import Path

from playwright.async_api import BrowserContext, Locator, Page, async_playwright

from sandbox.page import PageServer
from sandbox.stage import open_stage
from standins.clock import MovableClock

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BEGIN = 1_796_149_800  # 1 December 2026, 18:30 UTC
LARGEST = 300 * 1024
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--font-render-hinting=none"),
)


def _clock() -> MovableClock:
    return MovableClock(BEGIN - time.time())


async def take(chromium: str) -> list[Path]:
    """Play the whole story in the browser, take the pictures, and return their paths."""
    async with open_stage(_clock()) as stage, async_playwright() as playwright:
        await stage.open_shop()
        args = [*ARGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = await playwright.chromium.launch(executable_path=chromium, args=args)
        context = await browser.new_context(
            locale="en-GB", timezone_id="UTC", viewport={"width": 1280, "height": 800}
        )
        async with PageServer(stage) as server:
            page = await context.new_page()
            await page.goto(server.url)
            taken = [
                *await _buying(context, page),
                *await _managing(context, page),
                *await _agreeing(context, page),
                *await _revoking(page),
            ]
        await browser.close()
    return taken


async def _buying(context: BrowserContext, page: Page) -> list[Path]:
    await _use(page, "/subscribe")
    link = _newest(page).get_by_role("link", name="€5.00 a month with Stripe")
    await link.wait_for()
    shop = await _shot(page, "subscribe", height=880)
    checkout = await _follow(context, link)
    await checkout.get_by_label("E-mail").fill("mia@example.com")
    await checkout.get_by_label("Name on card").fill("Mia Member")
    await checkout.get_by_label("Name on card").blur()
    paying = await _shot(checkout, "checkout", height=760)
    await checkout.locator("#pay").click()
    await checkout.wait_for_url("**/return**")
    await checkout.close()
    await page.locator("[data-member=Mia] .role").wait_for()
    await page.locator("#places .unread").wait_for()
    await _use(page, "/subscriptions")
    await _newest(page).get_by_text("Renews on").wait_for()
    await _dismiss(page, 0)
    return [shop, paying, await _shot(page, "subscriptions")]


async def _managing(context: BrowserContext, page: Page) -> list[Path]:
    await _use(page, "/manage")
    portal = await _follow(context, _newest(page).get_by_role("link", name="Open Stripe"))
    await portal.get_by_text("Invoice history").wait_for()
    managing = await _shot(portal, "portal", height=970)
    await portal.close()
    await _use(page, "/cancel")
    await _newest(page).get_by_role("button", name="Cancel subscription").wait_for()
    await _dismiss(page, 0)
    await _newest(page).get_by_role("button", name="Cancel subscription").click()
    await _newest(page).get_by_text("Receipt").wait_for()
    return [managing, await _shot(page, "receipt")]


async def _agreeing(context: BrowserContext, page: Page) -> list[Path]:
    """Play Tom, who pays with PayPal and then opens /cancel; return the pictures."""
    await _be(page, "Tom")
    await _use(page, "/subscribe")
    paypal = await _follow(context, _newest(page).get_by_role("link", name="with PayPal"))
    await paypal.get_by_label("Email").fill("tom@example.com")
    await paypal.get_by_label("Password").fill("secret")
    await paypal.get_by_role("button", name="Log in").click()
    await paypal.get_by_role("button", name="Agree & Subscribe").wait_for()
    approving = await _shot(paypal, "paypal", height=860)
    await paypal.get_by_role("button", name="Agree & Subscribe").click()
    await paypal.wait_for_url("**/return**")
    await paypal.close()
    await page.locator("[data-member=Tom] .role").wait_for()
    await _dismiss(page, 0)
    await _use(page, "/cancel")
    await _newest(page).get_by_role("button", name="Cancel subscription").wait_for()
    return [approving, await _shot(page, "cancel")]


async def _revoking(page: Page) -> list[Path]:
    await _be(page, "Ada")
    while await page.get_by_role("button", name="Dismiss message").count():
        await _dismiss(page, 0)
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/revoke ")
    await page.get_by_role("combobox", name="member: ").fill("mia")
    await page.locator("#popup").get_by_role("option", name="Mia").click()
    await page.get_by_role("button", name="+ when").click()
    await page.locator("#popup").get_by_role("option", name="now").wait_for()
    return [await _shot(page, "revoke")]


async def _be(page: Page, name: str) -> None:
    await page.get_by_role("radio", name=name).click()
    await page.get_by_role("radio", name=name, checked=True).wait_for()


async def _use(page: Page, command: str) -> None:
    """Enter a command without options, and wait until the bot has answered."""
    before = await page.locator("#messages article").count()
    box = page.get_by_role("combobox", name="Message")
    await box.fill(f"{command} ")
    await page.get_by_label(f"Command {command}").press("Enter")
    await page.locator("#messages article").nth(before).wait_for()
    await _newest(page).locator(".card").first.wait_for()


def _newest(page: Page) -> Locator:
    return page.locator("#messages article").last


async def _dismiss(page: Page, at: int) -> None:
    await page.get_by_role("button", name="Dismiss message").nth(at).click()


async def _follow(context: BrowserContext, link: Locator) -> Page:
    async with context.expect_page() as opening:
        await link.click()
    return await opening.value


async def _shot(page: Page, name: str, *, height: int = 800) -> Path:
    path = IMAGES / f"{name}.png"
    await page.set_viewport_size({"width": 1280, "height": height})
    await page.mouse.move(0, 0)
    await page.screenshot(path=path, animations="disabled", caret="hide")
    return path


def main() -> int:
    """Take all screenshots and return the process's exit code."""
    logging.basicConfig(level=logging.ERROR)
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, (named,) if named else BROWSERS)), None)
    if found is None:
        print("No Chromium was found: install it, or name it in CHROMIUM.", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    taken = asyncio.run(take(found))
    for path in taken:
        print(f"{path.relative_to(IMAGES.parents[1])}: {path.stat().st_size // 1024} KB")
    large = [path.name for path in taken if path.stat().st_size > LARGEST]
    if large:
        print(f"Too large for a README: {', '.join(large)}.", file=sys.stderr)
    return int(bool(large))


if __name__ == "__main__":
    sys.exit(main())
