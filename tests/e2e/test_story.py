"""The main job by `python bot.py` itself, a process that knows its neighbours by settings alone."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from standins.discord import Person
from tests.app.harness import AppHarness, link_of
from tests.app.program_process import Program, is_ready, settings_of, until


async def open_shop(app: AppHarness) -> None:
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price}
    reply = await app.ada.run(app.guild, "plans add", options)
    assert "Gold" in reply.text


async def buy(app: AppHarness, who: Person | None = None) -> dict[str, Any]:
    who = who or app.bob
    reply = await who.run(app.guild, "subscribe", {"plan": "Gold"})
    paid: dict[str, Any] = app.stripe.pay_checkout(link_of(reply))
    await until(app, lambda: app.roles(who) == ["Gold"])
    return paid


@pytest.mark.parametrize("program", ["fresh"], indirect=True)
async def test_a_payment_becomes_a_role_and_a_revocation_takes_it(app: AppHarness, program: Program) -> None:
    await open_shop(app)
    await buy(app)

    card = await app.bob.run(app.guild, "subscriptions")
    assert card.ephemeral
    assert not card.pings
    assert f"<@&{app.gold.id}>" in card.text
    assert re.search(r"<t:\d+:D>", card.text)

    portal = link_of(await app.bob.run(app.guild, "manage"))
    assert portal.startswith(f"{app.stripe.url}/p/session/")

    asked = await app.bob.run(app.guild, "cancel")
    receipt = await asked.press("Cancel subscription")
    assert "Cancelled" in receipt.text
    await app.bob.dm_containing("Cancelled")
    assert app.roles() == ["Gold"]
    resumed = await receipt.press("Resume")
    assert "renew" in resumed.text

    question = await app.ada.run(
        app.guild, "revoke", {"member": app.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    )
    done = await question.press("Revoke access")
    assert "€5.00" in done.text
    await until(app, lambda: app.roles() == [])
    assert "spam" in (await app.bob.dm_containing("revoked")).text
    assert "revoked" in (await app.bob.run(app.guild, "subscribe")).text


async def test_buttons_made_before_a_restart_work_after_it(app: AppHarness, tmp_path: Path) -> None:
    first = Program(tmp_path, settings_of(app))
    await first.start()
    await is_ready(app)
    await open_shop(app)
    await buy(app)
    question = await app.bob.run(app.guild, "cancel")
    assert await first.stop() == 0

    second = Program(tmp_path, settings_of(app))
    await second.start()
    await is_ready(app)
    assert "Cancelled" in (await question.press("Cancel subscription")).text
    assert await second.stop() == 0


async def test_a_payment_while_the_program_is_down_is_found(app: AppHarness, tmp_path: Path) -> None:
    first = Program(tmp_path, settings_of(app))
    await first.start()
    await is_ready(app)
    await open_shop(app)
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    assert await first.stop() == 0
    app.stripe.delivery_faults.drop = 1000
    app.stripe.pay_checkout(link)

    second = Program(tmp_path, settings_of(app))
    await second.start()
    await until(app, lambda: app.roles() == ["Gold"])
    assert await second.stop() == 0


async def test_duplicated_and_reordered_deliveries_end_in_the_right_roles(
    app: AppHarness, program: Program
) -> None:
    await open_shop(app)
    faults = app.stripe.delivery_faults
    faults.hold = True
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    paid = app.stripe.pay_checkout(link)
    app.stripe.release(backwards=True)
    await until(app, lambda: app.roles() == ["Gold"])
    faults.hold, faults.double = False, True
    app.stripe.dashboard.cancel_now(paid["subscription"])
    await until(app, lambda: app.roles() == [])
    await app.stripe.settle()
    assert {d.state for d in app.stripe.deliveries} == {"delivered"}


def signed(body: bytes, secret: str, moment: float) -> dict[str, str]:
    mac = hmac.new(secret.encode(), f"{moment:.0f}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment:.0f},v1={mac}"}


async def test_forged_notifications_are_refused(app: AppHarness, program: Program) -> None:
    await open_shop(app)
    paid = await buy(app)
    event = {
        "id": "evt_forged",
        "object": "event",
        "type": "customer.subscription.deleted",
        "created": int(app.clock.now()),
        "livemode": False,
        "data": {"object": {"id": paid["subscription"], "object": "subscription", "status": "canceled"}},
    }
    body, now = json.dumps(event).encode(), app.clock.now()
    forged = [
        {},
        {"Stripe-Signature": "t=1,v1=00"},
        signed(body, "whsec_other", now),
        signed(body, app.secret, now - 3600),
        signed(body, app.secret, now + 3600),
        signed(body + b" ", app.secret, now),
    ]
    url = f"http://127.0.0.1:{app.port}/webhooks/stripe"
    async with aiohttp.ClientSession() as session:
        for headers in forged:
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 400
        async with session.post(
            url, data=io.BytesIO(b"x" * (1 << 20 | 1)), headers=signed(body, app.secret, now)
        ) as answer:
            assert answer.status == 413
        # Rightly signed, and yet no truth: Stripe is asked, and says that it runs.
        async with session.post(url, data=body, headers=signed(body, app.secret, now)) as answer:
            assert answer.status == 200
    card = await app.bob.run(app.guild, "subscriptions")
    assert "Renews" in card.text
    assert app.roles() == ["Gold"]


@pytest.mark.members_intent
async def test_with_the_members_intent_a_rejoining_member_gets_their_role_at_once(
    app: AppHarness, program: Program
) -> None:
    await open_shop(app)
    await buy(app)
    app.world.remove_member(app.guild, app.bob)
    app.world.rejoin(app.guild, app.bob)
    await until(app, lambda: app.roles() == ["Gold"])


async def test_without_the_members_intent_a_command_gives_a_rejoined_member_their_role(
    app: AppHarness, program: Program
) -> None:
    await open_shop(app)
    await buy(app)
    app.world.remove_member(app.guild, app.bob)
    app.world.rejoin(app.guild, app.bob)
    assert app.roles() == []
    await app.bob.run(app.guild, "subscriptions")
    await until(app, lambda: app.roles() == ["Gold"])
