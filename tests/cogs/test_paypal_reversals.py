"""Payments that PayPal took back, and what the admins read of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cogs.test_paypal import approve_link, paypal_of
from tests.cogs.test_paypal_fees import sell
from tests.cogs.town import Town, running

pytestmark = pytest.mark.parametrize("still_town", ["paypal"], indirect=True)


@pytest.fixture
async def town(still_town: Town) -> AsyncIterator[Town]:
    async with running(still_town):
        await still_town.sell()
        await sell(still_town, "5.00")
        yield still_town


async def buy(town: Town) -> str:
    """The payment's id."""
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    paypal_of(town).approve(approve_link(reply))
    await town.settled()
    assert town.roles() == ["Gold"]
    (sale,) = paypal_of(town).world.all("sale")
    return str(sale.id)


@pytest.mark.parametrize("bare", [False, True])
async def test_a_payment_taken_back_takes_the_role_whatever_the_reversal_names(
    town: Town, *, bare: bool
) -> None:
    paypal_of(town).world.settings.bare_reversals = bare
    paypal_of(town).dashboard.reverse(await buy(town))
    await town.settled()
    assert town.roles() == []
    told = await town.ada.dm_containing("### Dispute")
    assert "got a payment back through PayPal" in told.text
    assert "bank" not in told.text
    card = await town.bob.run(town.guild, "subscriptions")
    assert "bank" not in card.text


async def test_one_that_fits_no_payment_is_told_to_the_admins(town: Town) -> None:
    paypal = paypal_of(town)
    paypal.world.settings.bare_reversals = True
    sale = await buy(town)
    paypal.faults.add("status", "/v[12]/payments", method="GET", status=404, times=None)
    paypal.dashboard.reverse(sale)
    await town.settled()
    await town.turn(600)
    (reversal,) = paypal.world.all("refund")
    told = await town.ada.dm_containing("A payment was taken back")
    assert reversal.id in told.text
    assert "/revoke" in told.text
    assert town.roles() == ["Gold"]


async def test_a_dispute_is_paypals_to_decide(town: Town) -> None:
    paypal_of(town).dashboard.dispute(await buy(town))
    await town.settled()
    told = await town.ada.dm_containing("### Dispute")
    assert "disputes a payment through PayPal" in told.text
    card = await town.bob.run(town.guild, "subscriptions")
    assert "PayPal looks into a payment" in card.text


async def test_a_part_given_back_by_hand_is_told_though_nobody_names_the_sum(town: Town) -> None:
    sale = await buy(town)
    paypal_of(town).faults.add("status", "/webhooks-events", method="GET", status=403, times=None)
    paypal_of(town).dashboard.refund(sale, "2.00")
    await town.settled()
    told = await town.ada.dm_containing("A payment was given back")
    assert "was refunded for" in told.text
