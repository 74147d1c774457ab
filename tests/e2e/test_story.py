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
from tests.cogs.town import Town, link_of
from tests.e2e.process import Program, is_ready, settings_of, until


async def open_shop(town: Town) -> None:
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
    reply = await town.ada.run(town.guild, "plans add", options)
    assert "Gold" in reply.text


async def buy(town: Town, who: Person | None = None) -> dict[str, Any]:
    who = who or town.bob
    reply = await who.run(town.guild, "subscribe", {"plan": "Gold"})
    paid: dict[str, Any] = town.stripe.pay_checkout(link_of(reply))
    await until(town, lambda: town.roles(who) == ["Gold"])
    return paid


async def test_a_payment_becomes_a_role_and_a_revocation_takes_it(town: Town, program: Program) -> None:
    await open_shop(town)
    await buy(town)

    card = await town.bob.run(town.guild, "subscriptions")
    assert card.ephemeral
    assert not card.pings
    assert f"<@&{town.gold.id}>" in card.text
    assert re.search(r"<t:\d+:D>", card.text)

    portal = link_of(await town.bob.run(town.guild, "manage"))
    assert portal.startswith(f"{town.stripe.url}/p/session/")

    asked = await town.bob.run(town.guild, "cancel")
    receipt = await asked.press("Cancel subscription")
    assert "Cancelled" in receipt.text
    await town.bob.dm_containing("Cancelled")
    assert town.roles() == ["Gold"]
    resumed = await receipt.press("Resume")
    assert "renews" in resumed.text

    question = await town.ada.run(
        town.guild, "revoke", {"member": town.bob, "when": "now", "refund": "last_payment", "reason": "spam"}
    )
    done = await question.press("Revoke access")
    assert "€5.00" in done.text
    await until(town, lambda: town.roles() == [])
    assert "spam" in (await town.bob.dm_containing("revoked")).text
    assert "revoked" in (await town.bob.run(town.guild, "subscribe")).text


async def test_buttons_made_before_a_restart_work_after_it(town: Town, tmp_path: Path) -> None:
    first = Program(tmp_path, settings_of(town))
    await first.start()
    await is_ready(town)
    await open_shop(town)
    await buy(town)
    question = await town.bob.run(town.guild, "cancel")
    assert await first.stop() == 0

    second = Program(tmp_path, settings_of(town))
    await second.start()
    await is_ready(town)
    assert "Cancelled" in (await question.press("Cancel subscription")).text
    assert await second.stop() == 0


async def test_what_is_paid_while_the_program_is_away_is_found(town: Town, tmp_path: Path) -> None:
    first = Program(tmp_path, settings_of(town))
    await first.start()
    await is_ready(town)
    await open_shop(town)
    link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    assert await first.stop() == 0
    town.stripe.delivery_faults.drop = 1000
    town.stripe.pay_checkout(link)

    second = Program(tmp_path, settings_of(town))
    await second.start()
    await until(town, lambda: town.roles() == ["Gold"])
    assert await second.stop() == 0


async def test_doubled_and_turned_deliveries_end_in_the_truth(town: Town, program: Program) -> None:
    await open_shop(town)
    faults = town.stripe.delivery_faults
    faults.hold = True
    link = link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"}))
    paid = town.stripe.pay_checkout(link)
    town.stripe.release(backwards=True)
    await until(town, lambda: town.roles() == ["Gold"])
    faults.hold, faults.double = False, True
    town.stripe.dashboard.cancel_now(paid["subscription"])
    await until(town, lambda: town.roles() == [])
    await town.stripe.settle()
    assert {d.state for d in town.stripe.deliveries} == {"delivered"}


def signed(body: bytes, secret: str, moment: float) -> dict[str, str]:
    mac = hmac.new(secret.encode(), f"{moment:.0f}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment:.0f},v1={mac}"}


async def test_forged_notifications_are_refused(town: Town, program: Program) -> None:
    await open_shop(town)
    paid = await buy(town)
    event = {
        "id": "evt_forged",
        "object": "event",
        "type": "customer.subscription.deleted",
        "created": int(town.clock.now()),
        "livemode": False,
        "data": {"object": {"id": paid["subscription"], "object": "subscription", "status": "canceled"}},
    }
    body, now = json.dumps(event).encode(), town.clock.now()
    forged = [
        {},
        {"Stripe-Signature": "t=1,v1=00"},
        signed(body, "whsec_other", now),
        signed(body, town.secret, now - 3600),
        signed(body, town.secret, now + 3600),
        signed(body + b" ", town.secret, now),
    ]
    url = f"http://127.0.0.1:{town.port}/webhooks/stripe"
    async with aiohttp.ClientSession() as session:
        for headers in forged:
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 400
        async with session.post(
            url, data=io.BytesIO(b"x" * (1 << 20 | 1)), headers=signed(body, town.secret, now)
        ) as answer:
            assert answer.status == 413
        # Rightly signed, and yet no truth: Stripe is asked, and says that it runs.
        async with session.post(url, data=body, headers=signed(body, town.secret, now)) as answer:
            assert answer.status == 200
    card = await town.bob.run(town.guild, "subscriptions")
    assert "Renews" in card.text
    assert town.roles() == ["Gold"]


@pytest.mark.members_intent
async def test_with_the_members_intent_a_rejoin_is_noticed_at_once(town: Town, program: Program) -> None:
    await open_shop(town)
    await buy(town)
    town.world.remove_member(town.guild, town.bob)
    town.world.rejoin(town.guild, town.bob)
    await until(town, lambda: town.roles() == ["Gold"])


async def test_without_it_by_the_next_command(town: Town, program: Program) -> None:
    await open_shop(town)
    await buy(town)
    town.world.remove_member(town.guild, town.bob)
    town.world.rejoin(town.guild, town.bob)
    assert town.roles() == []
    await town.bob.run(town.guild, "subscriptions")
    await until(town, lambda: town.roles() == ["Gold"])
