"""What people are told about money that needs a decision."""

from __future__ import annotations

from tests.cogs.town import Town, link_of


async def test_paid_on_two_pages(town: Town) -> None:
    """The first page was left open; the second comes from another price of the plan."""
    await town.sell()
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
