"""Payments that PayPal took back, and what the admins read of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.app.harness import AppHarness, running
from tests.app.test_paypal import approve_link, paypal_of
from tests.app.test_paypal_fees import sell

pytestmark = pytest.mark.parametrize("idle_app", ["paypal"], indirect=True)


@pytest.fixture
async def app(idle_app: AppHarness) -> AsyncIterator[AppHarness]:
    async with running(idle_app):
        await idle_app.sell()
        await sell(idle_app, "5.00")
        yield idle_app


async def buy(app: AppHarness) -> str:
    """The payment's id."""
    reply = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    paypal_of(app).approve(approve_link(reply))
    await app.settled()
    assert app.roles() == ["Gold"]
    (sale,) = paypal_of(app).world.all("sale")
    return str(sale.id)


@pytest.mark.parametrize("bare", [False, True])
async def test_a_paypal_reversal_takes_the_role_whatever_id_it_names(app: AppHarness, *, bare: bool) -> None:
    paypal_of(app).world.settings.bare_reversals = bare
    paypal_of(app).dashboard.reverse(await buy(app))
    await app.settled()
    assert app.roles() == []
    told = await app.ada.dm_containing("### Dispute")
    assert "got a payment back through PayPal" in told.text
    assert "bank" not in told.text
    card = await app.bob.run(app.guild, "subscriptions")
    assert "bank" not in card.text


async def test_a_paypal_reversal_of_an_unknown_payment_is_reported_to_admins(app: AppHarness) -> None:
    paypal = paypal_of(app)
    paypal.world.settings.bare_reversals = True
    sale = await buy(app)
    paypal.faults.add("status", "/v[12]/payments", method="GET", status=404, times=None)
    paypal.dashboard.reverse(sale)
    await app.settled()
    await app.turn(600)
    (reversal,) = paypal.world.all("refund")
    told = await app.ada.dm_containing("A payment was reversed")
    assert reversal.id in told.text
    assert "/revoke" in told.text
    assert app.roles() == ["Gold"]


async def test_a_reversal_with_an_open_dispute_waits_for_paypals_decision(app: AppHarness) -> None:
    paypal_of(app).dashboard.dispute(await buy(app))
    await app.settled()
    told = await app.ada.dm_containing("### Dispute")
    assert "has disputed a payment through PayPal" in told.text
    card = await app.bob.run(app.guild, "subscriptions")
    assert "A payment is disputed at PayPal" in card.text


async def test_a_partial_refund_of_unknown_amount_is_reported_to_admins(app: AppHarness) -> None:
    sale = await buy(app)
    paypal_of(app).faults.add("status", "/webhooks-events", method="GET", status=403, times=None)
    paypal_of(app).dashboard.refund(sale, "2.00")
    await app.settled()
    told = await app.ada.dm_containing("A payment was refunded")
    assert "was refunded for" in told.text
