"""What tests of the program with PayPal do again and again."""

from __future__ import annotations

import asyncio
import sqlite3

import aiohttp

from standins.discord import Reply
from standins.faults import Fault, Faults
from standins.paypal import PayPalServer
from standins.paypal.signing import Message
from tests.cogs.town import Town, link_of
from tests.e2e.process import PATIENCE, until


def paypal_of(town: Town) -> PayPalServer:
    assert town.paypal is not None
    return town.paypal


async def open_shop(town: Town) -> None:
    paypal = paypal_of(town)
    sold = paypal.add_plan(paypal.add_product("Gold"), "5.00")["id"]
    reply = await town.ada.run(
        town.guild, "plans add", {"name": "Gold", "role": town.gold, "paypal_plan": sold}
    )
    assert "PayPal: $5.00 a month" in reply.text


async def buy(town: Town) -> str:
    """Bob agrees, comes back and gets the role; the subscription's id."""
    reply: Reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(town).approve(link_of(reply))
    async with aiohttp.ClientSession() as session, session.get(back) as page:
        assert page.status == 200
        assert "roles appear" in await page.text()
    await until(town, lambda: town.roles() == ["Gold"])
    found: str = paypal_of(town).world.all("subscription")[-1].id
    return found


async def send(town: Town, message: Message) -> int:
    """A notification, byte for byte; the answer's status."""
    url = f"http://127.0.0.1:{town.port}/webhooks/paypal"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=message.body, headers=message.headers) as answer,
    ):
        return answer.status


async def shown(town: Town, words: str) -> None:
    """Wait until Bob's subscriptions say so; a process tells nobody but those who ask."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if words in (await town.bob.run(town.guild, "subscriptions")).text:
                return
            await asyncio.sleep(0.1)


def read(town: Town, query: str) -> list[str]:
    """Rows of the ledger's file, as text."""
    db = sqlite3.connect(f"file:{town.path}?mode=ro", uri=True)
    found = [str(row) for row in db.execute(query)]
    db.close()
    return found


def recorded(town: Town) -> dict[str, list[str]]:
    """All that the ledger holds, table by table."""
    db = sqlite3.connect(f"file:{town.path}?mode=ro", uri=True)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: [str(row) for row in db.execute(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608 - names from the file itself
    db.close()
    return found


async def quiet(town: Town) -> None:
    """Wait until the ledger holds no open work."""
    waiting = (
        "SELECT 1 FROM inbox WHERE done_at IS NULL UNION ALL SELECT 1 FROM stale"
        " UNION ALL SELECT 1 FROM members WHERE next_try_at IS NOT NULL"
        " UNION ALL SELECT 1 FROM notices WHERE told_at IS NULL"
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            if not read(town, waiting):
                return
            await asyncio.sleep(0.05)


async def reached(faults: Faults, fault: Fault) -> None:
    """Wait until a request met the fault, which tells nobody."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if fault not in faults.waiting:
                return
            await asyncio.sleep(0.05)
