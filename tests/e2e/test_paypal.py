"""The main job with PayPal, by `python bot.py` itself; and messages that PayPal never sent."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from sandbox.discord import Reply
from sandbox.discord.conformance import Conformance
from sandbox.paypal import PayPalServer
from sandbox.paypal.forgery import KINDS
from tests.cogs.town import Town, link_of, make_town
from tests.e2e.process import PATIENCE, Program, is_ready, run, settings_of, until


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """The stand-ins, PayPal's among them; no program runs yet."""
    watch = Conformance.load()
    async with AsyncExitStack() as stack:
        yield await make_town(stack, tmp_path / "ledger.db", watch, paypal=True)
    assert watch is None or watch.violations == []


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
    reply: Reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    back = paypal_of(town).approve(link_of(reply))
    async with aiohttp.ClientSession() as session, session.get(back) as page:
        assert page.status == 200
        assert "roles appear" in await page.text()
    await until(town, lambda: town.roles() == ["Gold"])
    found: str = paypal_of(town).world.all("subscription")[-1].id
    return found


async def test_the_main_job(town: Town, program: Program) -> None:
    await open_shop(town)
    subscription_id = await buy(town)
    assert "through PayPal" in (await town.bob.run(town.guild, "subscriptions")).text
    assert link_of(await town.bob.run(town.guild, "manage")) == paypal_of(town).autopay_url

    asked = await town.bob.run(town.guild, "cancel")
    assert "cannot be taken back" in asked.text
    receipt = await asked.press("Cancel subscription")
    assert [button.label for button in receipt.buttons] == ["Subscribe again"]
    assert paypal_of(town).subscription(subscription_id).status == "CANCELLED"
    assert town.roles() == ["Gold"]

    offered = await receipt.press("Subscribe again")
    assert "the first payment is taken only then" in offered.text
    paypal_of(town).approve(link_of(offered))
    await paypal_of(town).settle()
    await quiet(town)

    question = await town.ada.run(
        town.guild, "revoke", {"member": town.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    )
    done = await question.press("Revoke access")
    assert "$5.00" in done.text
    await until(town, lambda: town.roles() == [])
    assert {one.status for one in paypal_of(town).world.all("subscription")} == {"CANCELLED"}
    assert paypal_of(town).dashboard.last_sale(subscription_id).status == "REFUNDED"


def recorded(town: Town) -> list[str]:
    """All that the ledger holds of what was told and concluded."""
    with sqlite3.connect(f"file:{town.path}?mode=ro", uri=True) as db:
        tables = ("inbox", "subscriptions", "history", "stale", "overrides", "role_grants")
        found = [str(row) for table in tables for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608 - names from above
    db.close()
    return found


async def quiet(town: Town) -> None:
    """Wait until the ledger holds no open work; the process tells nobody but those who ask."""
    waiting = "SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL) + (SELECT count(*) FROM stale)"
    waiting += " + (SELECT count(*) FROM members WHERE next_try_at IS NOT NULL)"
    db = sqlite3.connect(f"file:{town.path}?mode=ro", uri=True)
    async with asyncio.timeout(PATIENCE):
        while True:
            if not db.execute(waiting).fetchone()[0]:
                break
            await asyncio.sleep(0.05)
    db.close()


@pytest.mark.parametrize("verify", ["offline", "postback"])
async def test_forged_messages_change_nothing_and_lead_nowhere(
    town: Town, tmp_path: Path, verify: str
) -> None:
    program = Program(tmp_path, settings_of(town, PAYPAL_VERIFY=verify))
    await program.start()
    await is_ready(town)
    await open_shop(town)
    subscription_id = await buy(town)
    paypal = paypal_of(town)
    paypal.dashboard.suspend(subscription_id)
    paypal.dashboard.activate(subscription_id)
    await paypal.settle()
    assert {delivery.state for delivery in paypal.deliveries} == {"delivered"}
    card = await town.bob.run(town.guild, "subscriptions")
    assert "Renews" in card.text
    await quiet(town)
    before, asks = recorded(town), len(paypal.certificate_asks)
    event = next(one for one in paypal.events if one["event_type"] == "BILLING.SUBSCRIPTION.SUSPENDED")
    forged = {**event, "id": "WH-NEVER-SENT"}
    for kind in KINDS:
        assert await paypal.forge(kind, paypal.world.get("webhook", town.hook), forged) == 400, kind
    assert recorded(town) == before
    assert paypal.trap.hits == []
    assert verify == "offline" or len(paypal.certificate_asks) == asks == 0
    assert town.roles() == ["Gold"]
    # A replay of what was sent is taken, and changes nothing.
    paypal.resend(event["id"])
    await paypal.settle()
    assert {delivery.state for delivery in paypal.deliveries} == {"delivered"}
    assert [row for row in recorded(town) if "WH-" in row] == [row for row in before if "WH-" in row]
    assert await program.stop() == 0
    assert "Traceback" not in program.output
    assert paypal.client_secret not in program.output


async def test_while_paypal_is_away_notifications_wait(town: Town, program: Program) -> None:
    """They are answered so that PayPal sends them again; nothing is believed meanwhile."""
    await open_shop(town)
    paypal = paypal_of(town)
    paypal.rotate_certificate("second")  # one that is not known yet
    message = paypal.forger.genuine(b'{"id": "WH-1"}', town.hook)
    await paypal.go_down()
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{town.port}/webhooks/paypal", data=message.body, headers=message.headers
        ) as answer,
    ):
        assert answer.status == 503
    await paypal.come_back()


async def test_what_is_agreed_on_while_the_program_is_away_is_found(town: Town, tmp_path: Path) -> None:
    first = Program(tmp_path, settings_of(town))
    await first.start()
    await is_ready(town)
    await open_shop(town)
    link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    assert await first.stop() == 0
    paypal_of(town).delivery_faults.drop = 1000
    paypal_of(town).approve(link)

    second = Program(tmp_path, settings_of(town))
    await second.start()
    await until(town, lambda: town.roles() == ["Gold"])
    assert await second.stop() == 0


async def test_the_check_tells_of_paypal(town: Town, tmp_path: Path) -> None:
    code, output = await run(tmp_path, settings_of(town), "check")
    assert "PayPal accepts them" in output
    assert "The webhook sends all that is needed" in output
    assert code == 0
