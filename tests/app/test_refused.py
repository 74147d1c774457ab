"""Webhooks that are refused, over the wire: forged ones accuse nobody, true ones are a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from check import check
from config import Settings
from i18n.plain import PLAIN
from tests.app.harness import AppHarness, link_of, running
from tests.app.program_process import settings_of
from tests.app.sale import paypal_of

PATIENCE = 20
OTHER = "whsec_of_another_endpoint"


async def ready(app: AppHarness) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{app.port}/readyz") as answer,
    ):
        return answer.status, await answer.json()


async def becomes(app: AppHarness, holds: Callable[[], Awaitable[bool]]) -> None:
    """Turn the clock until it is so: on a busy machine the bot asks its first question late, and the second
    comes a minute after that."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            app.clock.advance(1)
            await asyncio.sleep(0.02)


async def turns_red(app: AppHarness, provider: str) -> str:
    async def is_red() -> bool:
        status, state = await ready(app)
        return status == 503 and state[provider] != "ok"

    app.clock.advance(30)
    await asyncio.sleep(0.1)
    assert (await ready(app))[0] == 200
    app.clock.advance(40)
    await becomes(app, is_red)
    return str((await ready(app))[1][provider])


def asked(app: AppHarness) -> int:
    return sum("/v1/events" in exchange.path for exchange in app.stripe.exchanges)


async def forge(app: AppHarness, times: int) -> None:
    """As anybody may."""
    url = f"http://127.0.0.1:{app.port}/webhooks/stripe"
    async with aiohttp.ClientSession() as session:
        for number in range(times):
            headers = {"Stripe-Signature": f"t={int(app.clock.now())},v1={number:064x}"}
            async with session.post(url, data=b'{"id": "evt_1"}', headers=headers) as answer:
                assert answer.status == 400


async def told_once(app: AppHarness, text: str) -> None:
    """The server's admins, however often it is red."""
    await app.ada.dm_containing(text)
    await app.settled()
    assert len([card for card in app.ada.dms if text in card.text]) == 1


async def test_forged_notifications_are_counted_and_report_no_wrong_secret(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.clock.advance(2)
    for _ in range(5):
        await forge(app, 100)
        app.clock.advance(50)
        await asyncio.sleep(0.05)
    status, state = await ready(app)
    assert (status, state["stripe"]) == (200, "ok")
    assert asked(app) <= 5
    doctor = await app.ada.run(app.guild, "doctor")
    assert (
        "The bot has rejected 500 notifications since it started. Anyone can send requests to this address"
        in doctor.text
    )
    await app.settled()
    assert not [card for card in app.ada.dms if "notification" in card.text]


async def test_a_wrong_webhook_secret_is_reported_once_genuine_events_are_refused(
    idle_app: AppHarness,
) -> None:
    app, right = idle_app, idle_app.secret
    app.secret = OTHER
    async with running(app):
        await app.sell()
        reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        app.stripe.pay_checkout(link_of(reply))
        await app.stripe.settle()
        says = await turns_red(app, "stripe")
        assert "STRIPE_WEBHOOK_SECRET isn't the signing secret" in says
        assert "copy its signing secret" in says
        assert OTHER not in says
        doctor = await app.ada.run(app.guild, "doctor")
        assert "STRIPE_WEBHOOK_SECRET isn't the signing secret" in doctor.text
        (endpoint,) = app.stripe.world.all("webhook_endpoint")
        app.stripe.world.hidden[endpoint["id"]] = [OTHER]
        app.stripe.resend(app.stripe.events[-1]["id"])
        await app.stripe.settle()
        assert (await ready(app))[0] == 200
        await told_once(app, "STRIPE_WEBHOOK_SECRET isn't the signing secret")
        assert right != OTHER


@pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)
async def test_a_wrong_paypal_webhook_id_is_reported_once_genuine_events_are_refused(
    idle_app: AppHarness,
) -> None:
    app, paypal = idle_app, paypal_of(idle_app)
    right = app.hook
    app.hook = paypal.add_webhook("http://127.0.0.1:9/elsewhere")["id"]
    async with running(app):
        plan = paypal.add_plan(paypal.add_product("Gold"), "5.00", currency="EUR")
        paypal.world.emit("BILLING.PLAN.UPDATED", "plan", "Changed", plan)
        await paypal.settle()
        says = await turns_red(app, "paypal")
        assert "PAYPAL_WEBHOOK_ID isn't the ID" in says
        assert (await ready(app))[1]["stripe"] == "ok"
        assert right != app.hook


async def test_events_that_no_endpoint_sends_report_no_wrong_secret(idle_app: AppHarness) -> None:
    app = idle_app
    (endpoint,) = app.stripe.world.all("webhook_endpoint")
    endpoint["enabled_events"] = ["customer.subscription.created"]
    async with running(app):
        await app.sell()
        await app.buy()
        price = app.stripe.world.all("price")[0]
        app.clock.advance(5)
        app.stripe.world.emit("price.updated", price)
        await forge(app, 1)
        app.clock.advance(70)
        await becomes(app, lambda: _asked_twice(app))
        assert (await ready(app))[0] == 200


async def _asked_twice(app: AppHarness) -> bool:
    return asked(app) >= 2


async def test_check_asks_the_running_bot_about_refused_events(
    idle_app: AppHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    app = idle_app
    app.secret = OTHER
    async with running(app):
        await app.sell()
        settings = Settings.from_env(settings_of(app))
        await check(settings, app.clock)
        assert "ok    Running bot " in capsys.readouterr().out
        app.stripe.world.emit("price.updated", app.stripe.world.all("price")[0])
        reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        app.stripe.pay_checkout(link_of(reply))
        await app.stripe.settle()
        await turns_red(app, "stripe")
        assert await check(settings, app.clock) == 1
        printed = " ".join(capsys.readouterr().out.split())
        assert "FAIL Running bot: stripe" in printed
        assert "copy its signing secret" in printed
        assert OTHER not in printed


async def test_check_shows_what_a_stopped_bot_last_knew(
    idle_app: AppHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until the setting is another one."""
    app, right = idle_app, idle_app.secret
    app.secret = OTHER
    async with running(app):
        await app.sell()
        reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
        app.stripe.pay_checkout(link_of(reply))
        await app.stripe.settle()
        await turns_red(app, "stripe")
        since = app.ports.arrivals.of("stripe").lost_since
        await app.settled()
    files = {path.name: path.read_bytes() for path in app.path.parent.iterdir() if path.is_file()}
    assert await check(Settings.from_env(settings_of(app)), app.clock) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "STRIPE_WEBHOOK_SECRET isn't the signing secret" in printed
    noticed = " ".join(PLAIN.moment(since or 0).split())  # a narrow space stands before AM and PM
    assert f"noticed this on {noticed}, and it lasted" in printed
    assert {path.name: path.read_bytes() for path in app.path.parent.iterdir() if path.is_file()} == files
    app.secret = right
    await check(Settings.from_env(settings_of(app)), app.clock)
    assert "signing secret" not in capsys.readouterr().out
