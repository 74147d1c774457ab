"""The owner has switched a provider off, or gone live, while members still pay there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.cogs.town import Town


async def switch_off(town: Town) -> None:
    await town.sell()
    await town.buy()
    cast("dict[str, Any]", town.ports.providers).clear()


async def test_manage_says_whom_to_tell(town: Town) -> None:
    await switch_off(town)
    reply = await town.bob.run(town.guild, "manage")
    assert "paid through Stripe (test), which the bot is not connected to" in reply.text
    assert "tell the server's admins" in reply.text
    assert reply.buttons == []


async def test_cancel_keeps_the_wish_and_promises_nothing(town: Town) -> None:
    await switch_off(town)
    asked = await town.bob.run(town.guild, "cancel")
    done = await asked.press("Cancel subscription")
    assert "Not cancelled yet" in done.text
    assert "Stripe is not connected to this bot just now, so nothing has changed there" in done.text
    assert "need not do anything" not in done.text
    assert "Gold" in (await town.bob.run(town.guild, "subscriptions")).text


@pytest.mark.parametrize("when", ["now", "period_end"])
async def test_a_revocation_says_what_it_cannot_stop(town: Town, when: str) -> None:
    await switch_off(town)
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": when})
    assert "the bot is not connected to Stripe (test), so it cannot stop the billing there" in asked.text
    done = await asked.press("Revoke access")
    assert "not connected to Stripe (test),** so" in done.text
    assert (
        "waits until its settings are back. Do it in the provider's dashboard: subscription `sub_"
        in done.text
    )
    assert "has not answered yet" not in done.text
    await town.world.until(lambda: town.roles() == ([] if when == "now" else ["Gold"]), "the roles")


async def test_what_is_connected_again_is_asked(town: Town) -> None:
    providers = dict(town.ports.providers)
    await switch_off(town)
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": "now"})
    undo = await asked.press("Revoke access")
    cast("dict[str, Any]", town.ports.providers).update(providers)
    await town.turn(3600)
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    assert own.status == "ended"
    assert "not connected" not in (await undo.press("Undo")).text
