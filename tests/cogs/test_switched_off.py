"""The owner has switched a provider off, or gone live, while members still pay there."""

from __future__ import annotations

from typing import Any, cast

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
