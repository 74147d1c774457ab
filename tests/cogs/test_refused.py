"""Webhooks that are refused, over the wire: forged ones accuse nobody, true ones are a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from check import check
from config import Settings
from tests.cogs.town import Town, link_of, running
from tests.e2e.process import settings_of
from tests.faults.attackers.shop import paypal_of

PATIENCE = 20
OTHER = "whsec_of_another_endpoint"


async def ready(town: Town) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{town.port}/readyz") as answer,
    ):
        return answer.status, await answer.json()


async def becomes(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110 - what stands in memory alone wakes nobody
            await asyncio.sleep(0.02)


async def turns_red(town: Town, provider: str) -> str:
    async def is_red() -> bool:
        status, state = await ready(town)
        return status == 503 and state[provider] != "ok"

    town.clock.advance(30)
    await asyncio.sleep(0.1)
    assert (await ready(town))[0] == 200
    town.clock.advance(40)
    await becomes(is_red)
    return str((await ready(town))[1][provider])


def asked(town: Town) -> int:
    return sum("/v1/events" in exchange.path for exchange in town.stripe.exchanges)


async def forge(town: Town, times: int) -> None:
    """As anybody may."""
    url = f"http://127.0.0.1:{town.port}/webhooks/stripe"
    async with aiohttp.ClientSession() as session:
        for number in range(times):
            headers = {"Stripe-Signature": f"t={int(town.clock.now())},v1={number:064x}"}
            async with session.post(url, data=b'{"id": "evt_1"}', headers=headers) as answer:
                assert answer.status == 400


async def told_once(town: Town, text: str) -> None:
    """The server's admins, however often it is red."""
    await town.ada.dm_containing(text)
    await town.settled()
    assert len([card for card in town.ada.dms if text in card.text]) == 1


async def test_forged_posts_accuse_nobody_and_are_counted(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.clock.advance(2)
    for _ in range(5):
        await forge(town, 100)
        town.clock.advance(50)
        await asyncio.sleep(0.05)
    status, state = await ready(town)
    assert (status, state["stripe"]) == (200, "ok")
    assert asked(town) <= 5
    doctor = await town.ada.run(town.guild, "doctor")
    assert "500 were refused since the bot started. Anybody can post here" in doctor.text
    await town.settled()
    assert not [card for card in town.ada.dms if "notification" in card.text]


async def test_a_wrong_secret_is_named_everywhere_once_true_events_are_refused(still_town: Town) -> None:
    town, right = still_town, still_town.secret
    town.secret = OTHER
    async with running(town):
        await town.sell()
        reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        town.stripe.pay_checkout(link_of(reply))
        await town.stripe.settle()
        says = await turns_red(town, "stripe")
        assert "STRIPE_WEBHOOK_SECRET is not the signing secret" in says
        assert "copy its signing secret" in says
        assert OTHER not in says
        doctor = await town.ada.run(town.guild, "doctor")
        assert "STRIPE_WEBHOOK_SECRET is not the signing secret" in doctor.text
        (endpoint,) = town.stripe.world.all("webhook_endpoint")
        town.stripe.world.hidden[endpoint["id"]] = [OTHER]
        town.stripe.resend(town.stripe.events[-1]["id"])
        await town.stripe.settle()
        assert (await ready(town))[0] == 200
        await told_once(town, "STRIPE_WEBHOOK_SECRET is not the signing secret")
        assert right != OTHER


@pytest.mark.parametrize("still_town", ["paypal"], indirect=True)
async def test_a_wrong_webhook_id_is_named_once_true_events_are_refused(still_town: Town) -> None:
    town, paypal = still_town, paypal_of(still_town)
    right = town.hook
    town.hook = paypal.add_webhook("http://127.0.0.1:9/elsewhere")["id"]
    async with running(town):
        plan = paypal.add_plan(paypal.add_product("Gold"), "5.00", currency="EUR")
        paypal.world.emit("BILLING.PLAN.UPDATED", "plan", "Changed", plan)
        await paypal.settle()
        says = await turns_red(town, "paypal")
        assert "PAYPAL_WEBHOOK_ID is not the id" in says
        assert (await ready(town))[1]["stripe"] == "ok"
        assert right != town.hook


async def test_events_that_no_endpoint_sends_here_accuse_nobody(still_town: Town) -> None:
    town = still_town
    (endpoint,) = town.stripe.world.all("webhook_endpoint")
    endpoint["enabled_events"] = ["customer.subscription.created"]
    async with running(town):
        await town.sell()
        await town.buy()
        price = town.stripe.world.all("price")[0]
        town.clock.advance(5)
        town.stripe.world.emit("price.updated", price)
        await forge(town, 1)
        town.clock.advance(70)
        await becomes(lambda: _asked_twice(town))
        assert (await ready(town))[0] == 200


async def _asked_twice(town: Town) -> bool:
    return asked(town) >= 2


async def test_check_asks_the_running_bot(still_town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town = still_town
    town.secret = OTHER
    async with running(town):
        await town.sell()
        settings = Settings.from_env(settings_of(town))
        await check(settings, town.clock)
        assert "ok    Running bot " in capsys.readouterr().out
        town.stripe.world.emit("price.updated", town.stripe.world.all("price")[0])
        reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        town.stripe.pay_checkout(link_of(reply))
        await town.stripe.settle()
        await turns_red(town, "stripe")
        assert await check(settings, town.clock) == 1
        printed = " ".join(capsys.readouterr().out.split())
        assert "FAIL Running bot: stripe" in printed
        assert "copy its signing secret" in printed
        assert OTHER not in printed


async def test_check_says_what_a_stopped_bot_last_knew(
    still_town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until the setting is another one."""
    town, right = still_town, still_town.secret
    town.secret = OTHER
    async with running(town):
        await town.sell()
        reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
        town.stripe.pay_checkout(link_of(reply))
        await town.stripe.settle()
        await turns_red(town, "stripe")
        since = town.ports.arrivals.of("stripe").lost_since
        await town.settled()
    files = {path.name: path.read_bytes() for path in town.path.parent.iterdir() if path.is_file()}
    assert await check(Settings.from_env(settings_of(town)), town.clock) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "STRIPE_WEBHOOK_SECRET is not the signing secret" in printed
    assert f"seen this since {datetime.fromtimestamp(since or 0, UTC):%Y-%m-%d %H:%M} UTC" in printed
    assert {path.name: path.read_bytes() for path in town.path.parent.iterdir() if path.is_file()} == files
    town.secret = right
    await check(Settings.from_env(settings_of(town)), town.clock)
    assert "signing secret" not in capsys.readouterr().out
