"""The main job with PayPal, by `python bot.py` itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from standins.faults import Kind
from tests.cogs.town import Town, link_of
from tests.e2e.paypal import buy, open_shop, paypal_of, quiet, reached, read, shown
from tests.e2e.process import Program, is_ready, run, settings_of, until

pytestmark = pytest.mark.paypal


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


@pytest.mark.parametrize("kind", ["hang_before", "hang_after"])
async def test_a_crash_between_storing_and_cancelling_comes_right(
    town: Town, tmp_path: Path, kind: Kind
) -> None:
    """Killed while PayPal is asked, be it before PayPal heard of it or after."""
    first = Program(tmp_path, settings_of(town))
    await first.start()
    await is_ready(town)
    await open_shop(town)
    subscription_id = await buy(town)
    paypal = paypal_of(town)
    asked = await town.bob.run(town.guild, "cancel")
    fault = paypal.faults.add(kind, "/cancel$", method="POST")
    pressed = asyncio.create_task(asked.press("Cancel subscription"))
    await reached(paypal.faults, fault)
    kept = read(town, "SELECT paid_through FROM subscriptions WHERE paid_through > unixepoch() + 27 * 86400")
    assert len(kept) == 1
    assert len(read(town, "SELECT id FROM intents WHERE state = 'pending'")) == 1
    await first.stop(signal.SIGKILL)
    pressed.cancel()
    if kind == "hang_before":
        assert paypal.subscription(subscription_id).status == "ACTIVE"

    second = Program(tmp_path, settings_of(town))
    await second.start()
    await is_ready(town)
    await shown(town, "paid until")
    assert paypal.subscription(subscription_id).status == "CANCELLED"
    await quiet(town)
    assert town.roles() == ["Gold"]
    assert read(town, "SELECT state FROM intents") == ["('done',)"]
    assert await second.stop() == 0
    assert "Traceback" not in second.output


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
