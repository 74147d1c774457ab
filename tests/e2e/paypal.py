"""Steps shared by tests of the whole program with PayPal."""

from __future__ import annotations

import asyncio
import sqlite3

import aiohttp

from standins.discord import Reply
from standins.faults import Fault, Faults
from standins.paypal import PayPalServer
from standins.paypal.signing import Message
from tests.app.harness import AppHarness, link_of
from tests.app.program_process import PATIENCE, until


def paypal_of(app: AppHarness) -> PayPalServer:
    assert app.paypal is not None
    return app.paypal


async def open_shop(app: AppHarness) -> None:
    paypal = paypal_of(app)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    reply = await app.ada.run(app.guild, "plans add", {"name": "Gold", "role": app.gold, "paypal_plan": sold})
    assert "PayPal: $5.00 a month" in reply.text


async def buy(app: AppHarness) -> str:
    """Bob agrees, returns and gets the role; returns the subscription's id."""
    reply: Reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(app).approve(link_of(reply))
    async with aiohttp.ClientSession() as session, session.get(back) as page:
        assert page.status == 200
        assert "roles will appear" in await page.text()
    await until(app, lambda: app.roles() == ["Gold"])
    found: str = paypal_of(app).world.all("subscription")[-1].id
    return found


async def send(app: AppHarness, message: Message) -> int:
    """Send a notification byte for byte; returns the status of the answer."""
    url = f"http://127.0.0.1:{app.port}/webhooks/paypal"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=message.body, headers=message.headers) as answer,
    ):
        return answer.status


async def shown(app: AppHarness, words: str) -> None:
    """Wait until Bob's subscriptions contain these words; the process has to be asked repeatedly."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if words in (await app.bob.run(app.guild, "subscriptions")).text:
                return
            await asyncio.sleep(0.1)


def read(app: AppHarness, query: str) -> list[str]:
    """Rows of the ledger's file as text."""
    db = sqlite3.connect(f"file:{app.path}?mode=ro", uri=True)
    found = [str(row) for row in db.execute(query)]
    db.close()
    return found


def recorded(app: AppHarness) -> dict[str, list[str]]:
    """The whole contents of the ledger, by table."""
    db = sqlite3.connect(f"file:{app.path}?mode=ro", uri=True)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: [str(row) for row in db.execute(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608 - names from the file itself
    db.close()
    return found


async def quiet(app: AppHarness) -> None:
    """Wait until the ledger has no open work."""
    waiting = (
        "SELECT 1 FROM inbox WHERE done_at IS NULL UNION ALL SELECT 1 FROM stale"
        " UNION ALL SELECT 1 FROM members WHERE next_try_at IS NOT NULL"
        " UNION ALL SELECT 1 FROM notices WHERE told_at IS NULL"
        " AND kind NOT IN ('trial_ending', 'long_renewal')"
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            if not read(app, waiting):
                return
            await asyncio.sleep(0.05)


async def reached(faults: Faults, fault: Fault) -> None:
    """Wait until a request has met the fault."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if fault not in faults.waiting:
                return
            await asyncio.sleep(0.05)
