"""What people are told about money that needs a decision."""

from __future__ import annotations

from tests.cogs.town import Town, link_of


async def test_paid_on_two_pages(town: Town) -> None:
    """The first page stays open, as Stripe does not close it; the second is for another price of the plan."""
    await town.sell()
    town.stripe.faults.add("status", "/expire", method="POST", times=None, status=503)
    first = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    other = town.stripe.add_price(town.product, 700, currency="eur")["id"]
    await town.cleo.run(town.guild, "plans edit", {"plan": "Gold", "stripe_price": other})
    second = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    town.stripe.pay_checkout(link_of(first))
    await town.settled()
    town.clock.advance(1)
    town.stripe.pay_checkout(link_of(second))
    await town.settled()
    note = await town.bob.dm_containing("You would pay twice for Gold")
    assert "both through Stripe" in note.text
    asked = await note.press("Cancel")
    assert "Cancelled" in (await asked.press("Cancel subscription")).text
    assert "They have been told" in (await town.ada.dm_containing("A member pays twice for Gold")).text


async def test_a_refund_in_the_dashboard_ends_nothing_and_is_told_once(town: Town) -> None:
    await town.sell()
    await town.buy()
    (charge,) = town.stripe.world.all("charge")
    for amount in (200, 100):
        town.stripe.dashboard.refund(charge["id"], amount)
        await town.settled()
    note = await town.ada.dm_containing("A payment was given back")
    assert f"<@{town.bob.id}> was refunded €2.00 for **Gold**" in note.text
    assert "use /revoke" in note.text
    assert len(town.ada.dms) == 1
    assert town.roles() == ["Gold"]


async def test_a_refund_by_command_is_not_told_of_again(town: Town) -> None:
    await town.sell()
    await town.buy()
    options = {"member": town.bob.user, "refund": "last_payment"}
    asked = await town.cleo.run(town.guild, "revoke", options)
    assert "Last payment refunded" in (await asked.press("Revoke access")).text
    await town.settled()
    assert town.ada.dms == []
