"""The main job with PayPal, by `python bot.py` itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from standins.faults import Kind
from tests.app.harness import AppHarness, link_of
from tests.app.program_process import Program, is_ready, run, settings_of, until
from tests.e2e.paypal import buy, open_shop, paypal_of, quiet, reached, read, shown

pytestmark = pytest.mark.paypal


async def test_a_paypal_subscription_is_bought_cancelled_bought_again_and_revoked(
    app: AppHarness, program: Program
) -> None:
    await open_shop(app)
    subscription_id = await buy(app)
    assert "through PayPal" in (await app.bob.run(app.guild, "subscriptions")).text
    assert link_of(await app.bob.run(app.guild, "manage")) == paypal_of(app).autopay_url

    asked = await app.bob.run(app.guild, "cancel")
    assert "You can't undo this" in asked.text
    receipt = await asked.press("Cancel subscription")
    assert [button.label for button in receipt.buttons] == ["Subscribe again"]
    assert paypal_of(app).subscription(subscription_id).status == "CANCELLED"
    assert app.roles() == ["Gold"]

    offered = await receipt.press("Subscribe again")
    assert "you won't be charged until then" in offered.text
    paypal_of(app).approve(link_of(offered))
    await paypal_of(app).settle()
    await quiet(app)

    question = await app.ada.run(
        app.guild, "revoke", {"member": app.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    )
    done = await question.press("Revoke access")
    assert "$5.00" in done.text
    await until(app, lambda: app.roles() == [])
    assert {one.status for one in paypal_of(app).world.all("subscription")} == {"CANCELLED"}
    assert paypal_of(app).dashboard.last_sale(subscription_id).status == "REFUNDED"


@pytest.mark.parametrize("kind", ["hang_before", "hang_after"])
async def test_a_crash_before_a_paypal_cancellation_is_recovered(
    app: AppHarness, tmp_path: Path, kind: Kind
) -> None:
    """Killed while PayPal is asked, be it before PayPal heard of it or after."""
    first = Program(tmp_path, settings_of(app))
    await first.start()
    await is_ready(app)
    await open_shop(app)
    subscription_id = await buy(app)
    paypal = paypal_of(app)
    asked = await app.bob.run(app.guild, "cancel")
    fault = paypal.faults.add(kind, "/cancel$", method="POST")
    pressed = asyncio.create_task(asked.press("Cancel subscription"))
    await reached(paypal.faults, fault)
    kept = read(app, "SELECT paid_through FROM subscriptions WHERE paid_through > unixepoch() + 27 * 86400")
    assert len(kept) == 1
    assert len(read(app, "SELECT id FROM intents WHERE state = 'pending'")) == 1
    await first.stop(signal.SIGKILL)
    pressed.cancel()
    if kind == "hang_before":
        assert paypal.subscription(subscription_id).status == "ACTIVE"

    second = Program(tmp_path, settings_of(app))
    await second.start()
    await is_ready(app)
    await shown(app, "keep your roles until")
    assert paypal.subscription(subscription_id).status == "CANCELLED"
    await quiet(app)
    assert app.roles() == ["Gold"]
    assert read(app, "SELECT state FROM intents") == ["('done',)"]
    assert await second.stop() == 0
    assert "Traceback" not in second.output


async def test_a_paypal_approval_while_the_program_is_down_is_found(app: AppHarness, tmp_path: Path) -> None:
    first = Program(tmp_path, settings_of(app))
    await first.start()
    await is_ready(app)
    await open_shop(app)
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    assert await first.stop() == 0
    paypal_of(app).delivery_faults.drop = 1000
    paypal_of(app).approve(link)

    second = Program(tmp_path, settings_of(app))
    await second.start()
    await until(app, lambda: app.roles() == ["Gold"])
    assert await second.stop() == 0


async def test_check_reports_on_paypal(app: AppHarness, tmp_path: Path) -> None:
    code, output = await run(tmp_path, settings_of(app), "check")
    assert "PayPal accepts the credentials" in output
    assert "The webhook sends everything the bot needs" in output
    assert code == 0
