"""Notices about money that needs a decision."""

from __future__ import annotations

from tests.app.harness import AppHarness, link_of


async def test_a_member_who_paid_on_two_pages_can_cancel_from_the_notice(app: AppHarness) -> None:
    """The first page stays open, as Stripe does not close it; the second is for another price of the plan."""
    await app.sell()
    app.stripe.faults.add("status", "/expire", method="POST", times=None, status=503)
    first = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    other = app.stripe.add_price(app.product, 700, currency="eur")["id"]
    await app.cleo.run(app.guild, "plans edit", {"plan": "Gold", "stripe_price": other})
    second = await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})
    app.stripe.pay_checkout(link_of(first))
    await app.settled()
    app.clock.advance(1)
    app.stripe.pay_checkout(link_of(second))
    await app.settled()
    note = await app.bob.dm_containing("You're set to pay twice for Gold")
    assert "Both are through Stripe" in note.text
    asked = await note.press("Cancel")
    assert "Cancelled" in (await asked.press("Cancel subscription")).text
    assert "They've been told" in (await app.ada.dm_containing("A member has subscribed twice to Gold")).text


async def test_a_refund_in_the_dashboard_keeps_the_roles_and_gives_one_notice(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    (charge,) = app.stripe.world.all("charge")
    for amount in (200, 100):
        app.stripe.dashboard.refund(charge["id"], amount)
        await app.settled()
    note = await app.ada.dm_containing("A payment was refunded")
    assert f"<@{app.bob.id}> was refunded €2.00 for **Gold**" in note.text
    assert "use /revoke" in note.text
    assert len(app.ada.dms) == 1
    assert app.roles() == ["Gold"]


async def test_a_refund_by_revoke_gives_no_notice_of_a_refund_in_the_dashboard(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    options = {"member": app.bob.user, "refund": "last_payment"}
    asked = await app.cleo.run(app.guild, "revoke", options)
    assert "Last payment refunded" in (await asked.press("Revoke access")).text
    await app.settled()
    assert app.ada.dms == []
