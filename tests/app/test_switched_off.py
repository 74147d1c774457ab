"""The owner disconnects a provider, or switches from test to live mode, while members still pay there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.app.harness import AppHarness


async def switch_off(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    cast("dict[str, Any]", app.ports.providers).clear()


async def test_manage_for_a_disconnected_provider_says_whom_to_tell(app: AppHarness) -> None:
    await switch_off(app)
    reply = await app.bob.run(app.guild, "manage")
    assert "paid through Stripe (`test`), but the bot isn't connected to that account" in reply.text
    assert "tell the server's admins" in reply.text
    assert reply.buttons == []


async def test_cancel_for_a_disconnected_provider_saves_the_request_and_promises_nothing(
    app: AppHarness,
) -> None:
    await switch_off(app)
    asked = await app.bob.run(app.guild, "cancel")
    done = await asked.press("Cancel subscription")
    assert "Not cancelled yet" in done.text
    assert "The bot isn't connected to Stripe right now, so nothing has changed there" in done.text
    assert "don't need to do anything" not in done.text
    assert "Gold" in (await app.bob.run(app.guild, "subscriptions")).text


@pytest.mark.parametrize("when", ["now", "period_end"])
async def test_a_revocation_says_that_it_cannot_stop_the_billing_of_a_disconnected_provider(
    app: AppHarness, when: str
) -> None:
    await switch_off(app)
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": when})
    assert "The bot isn't connected to Stripe (test), so it can't stop the billing there" in asked.text
    done = await asked.press("Revoke access")
    assert "The bot isn't connected to Stripe (test), so this" in done.text
    assert (
        "will wait until its settings are back. If you don't want to wait, do it in the provider's "
        "dashboard: subscription `sub_" in done.text
    )
    assert "hasn't responded yet" not in done.text
    await app.world.until(lambda: app.roles() == ([] if when == "now" else ["Gold"]), "the roles")


async def test_a_revocation_is_carried_out_once_the_provider_is_connected_again(app: AppHarness) -> None:
    providers = dict(app.ports.providers)
    await switch_off(app)
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": "now"})
    undo = await asked.press("Revoke access")
    cast("dict[str, Any]", app.ports.providers).update(providers)
    await app.turn(3600)
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert own.status == "ended"
    assert "not connected" not in (await undo.press("Undo")).text
