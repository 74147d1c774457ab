"""Messages that PayPal never sent, and genuine ones in unusual forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.paypal.forgery import KINDS
from tests.app.harness import AppHarness
from tests.app.program_process import Program, is_ready, settings_of
from tests.e2e.paypal import buy, open_shop, paypal_of, quiet, recorded, send, shown

pytestmark = pytest.mark.paypal


async def started(app: AppHarness, folder: Path, verify: str) -> Program:
    program = Program(folder, settings_of(app, PAYPAL_VERIFY=verify))
    await program.start()
    await is_ready(app)
    await open_shop(app)
    return program


@pytest.mark.parametrize("verify", ["offline", "postback"])
async def test_forged_paypal_notifications_change_nothing_and_cause_no_request(
    app: AppHarness, tmp_path: Path, verify: str
) -> None:
    program = await started(app, tmp_path, verify)
    subscription_id = await buy(app)
    paypal = paypal_of(app)
    paypal.dashboard.suspend(subscription_id)
    paypal.dashboard.activate(subscription_id)
    await paypal.settle()
    assert {delivery.state for delivery in paypal.deliveries} == {"delivered"}
    await shown(app, "Renews")
    await quiet(app)
    before, asks = recorded(app), len(paypal.certificate_asks)
    event = next(one for one in paypal.events if one["event_type"] == "BILLING.SUBSCRIPTION.SUSPENDED")
    forged = {**event, "id": "WH-NEVER-SENT"}
    for kind in KINDS:
        assert await paypal.forge(kind, paypal.world.get("webhook", app.hook), forged) == 400, kind
        assert recorded(app) == before, kind
    assert paypal.trap.hits == []
    assert verify == "offline" or len(paypal.certificate_asks) == asks <= 1
    assert app.roles() == ["Gold"]
    # A replayed notification is accepted and changes nothing.
    paypal.resend(event["id"])
    await paypal.settle()
    assert {delivery.state for delivery in paypal.deliveries} == {"delivered"}
    assert recorded(app) == before
    # PayPal's own next notification is accepted as usual.
    paypal.dashboard.suspend(subscription_id)
    await shown(app, "Paused")
    assert len(recorded(app)["inbox"]) == len(before["inbox"]) + 1
    assert await program.stop() == 0
    assert "Traceback" not in program.output
    assert paypal.client_secret not in program.output


# Numbers, escapes, characters and blanks as no program would write them, and repeated names.
ODD = """{
 "summary" : "Abo \u00fc\u2028 \\u00fc \\/ \\ud83d\\ude00 \U0001f600 \\ud83d" ,\r\n\t"resource":{"amount"
 : [1.0, 1.50, 1E2, 1e-7, -0.0, 123456789012345678901234567890, 0.1000000000000000055511151231257827]
 ,"id":"I-WRONG"  ,"id" : "%s"},"": null, "event_type":"BILLING.SUBSCRIPTION.\\u0053USPENDED",
 "create_time":"2026-01-01T00:00:00.000000000Z", "id":"WH-ODD","webhook_id":"OTHER","auth_algo":"x" }"""


@pytest.mark.parametrize("verify", ["offline", "postback"])
async def test_a_paypal_notification_is_verified_byte_for_byte(
    app: AppHarness, tmp_path: Path, verify: str
) -> None:
    program = await started(app, tmp_path, verify)
    subscription_id = await buy(app)
    paypal = paypal_of(app)
    await paypal.settle()
    paypal.delivery_faults.drop = 1000
    paypal.dashboard.suspend(subscription_id)
    # Text around the object cannot be sent back within another object.
    around = ("", "") if verify == "postback" else (" ", "\n")
    body = (ODD % subscription_id).join(around).encode()
    message = paypal.forger.genuine(body, app.hook)
    message.body = body.replace(b"1.50", b"1.5")
    assert await send(app, message) == 400
    message.body = body
    assert await send(app, message) == 200
    await shown(app, "Paused")
    assert await send(app, message) == 200
    assert await program.stop() == 0


async def test_a_notification_is_resent_while_paypal_cannot_confirm_it(
    app: AppHarness, tmp_path: Path
) -> None:
    program = await started(app, tmp_path, "postback")
    subscription_id = await buy(app)
    paypal = paypal_of(app)
    await paypal.settle()
    await quiet(app)  # an earlier fetch would otherwise find it suspended
    paypal.faults.add("status", "/verify-webhook-signature", status=503, times=3)
    paypal.dashboard.suspend(subscription_id)
    await paypal.settle()
    delivery = paypal.deliveries[-1]
    assert [(one.status, delivery.state) for one in delivery.attempts] == [(503, "pending")]
    assert "Renews" in (await app.bob.run(app.guild, "subscriptions")).text
    app.clock.advance(61)
    await shown(app, "Paused")
    assert delivery.state == "delivered"
    # The bot waits for a slow answer.
    paypal.faults.add("slow", "/verify-webhook-signature", seconds=2)
    paypal.dashboard.activate(subscription_id)
    await shown(app, "Renews")
    assert {one.state for one in paypal.deliveries} == {"delivered"}
    assert await program.stop() == 0
    assert "Traceback" not in program.output


async def test_a_notification_is_resent_while_the_certificate_is_unavailable(
    app: AppHarness, program: Program
) -> None:
    """The answer makes PayPal send them again; until then nothing is believed."""
    await open_shop(app)
    paypal = paypal_of(app)
    paypal.rotate_certificate("second")  # a certificate that is not known yet
    message = paypal.forger.genuine(b'{"id": "WH-1"}', app.hook)
    await paypal.go_down()
    assert await send(app, message) == 503
    await paypal.come_back()
