"""A stage with the shop open, its page, and a Chromium that opens the page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from sandbox.page import PageServer
from sandbox.stage import Stage, open_stage

QUIET = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--lang=en-US"),
)

expect.set_options(timeout=20_000)  # milliseconds; a busy machine is slow, which must not fail a test


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The bot runs between the stand-ins, and three plans are on sale."""
    async with open_stage() as opened:
        await opened.open_shop()
        yield opened


@pytest.fixture
async def server(stage: Stage) -> AsyncIterator[PageServer]:
    """The server of the stage's page."""
    async with PageServer(stage) as running:
        yield running


@pytest.fixture
async def context(chromium: str) -> AsyncIterator[BrowserContext]:
    """A browser with a profile of its own. Chromium refuses its sandbox to root, as which CI may run."""
    args = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=args)
        opened = await browser.new_context(
            locale="en-GB", timezone_id="UTC", viewport={"width": 1280, "height": 800}
        )
        opened.set_default_timeout(20_000)
        yield opened
        await browser.close()


@pytest.fixture
async def page(context: BrowserContext, server: PageServer) -> AsyncIterator[Page]:
    """The page as a new visitor sees it. Fails the test on script errors and on violations of its policy."""
    opened, faults = await context.new_page(), list[str]()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    await opened.goto(server.url)
    await opened.get_by_role("radio", name="Mia").wait_for()
    yield opened
    assert [fault for fault in faults if "409" not in fault] == []
