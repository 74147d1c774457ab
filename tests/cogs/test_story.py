"""The main job, over the wire: subscribe, look, manage, cancel, resume, end."""

from __future__ import annotations

from tests.cogs.town import MONTH, Town, link_of


async def test_a_member_subscribes_looks_and_cancels(town: Town) -> None:
    await town.sell()
    reply = await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})
    assert reply.ephemeral
    assert reply.pings == []
    assert "€5.00 a month" in reply.text
    assert f"<@&{town.gold.id}>" in reply.text
    town.stripe.pay_checkout(link_of(reply))
    await town.settled()
    assert town.roles() == ["Gold"]
    look = await town.bob.run(town.guild, "subscriptions")
    assert "Renews on <t:" in look.text
    asked = await town.bob.run(town.guild, "cancel")
    done = await asked.press("Cancel subscription")
    await done.until(lambda r: "Receipt" in r.text)
    assert "Cancelled" in done.text
    assert [b.label for b in done.buttons] == ["Resume"]
    await town.settled()
    assert town.roles() == ["Gold"]
    note = await town.bob.dm_containing("Receipt")
    back = await note.press("Resume")
    assert "renews on" in back.text
    await town.settled()
    again = await (await town.bob.run(town.guild, "cancel")).press("Cancel subscription")
    await again.until(lambda r: "Receipt" in r.text)
    await town.turn(MONTH)
    assert town.roles() == []
