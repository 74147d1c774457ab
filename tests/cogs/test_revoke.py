from __future__ import annotations

import pytest

from standins.discord import Reply
from standins.discord.permissions import MANAGE_GUILD
from standins.stripe.errors import StripeRefusal
from tests.cogs.town import MONTH, Town, link_of, running


async def revoke(town: Town, **options: object) -> Reply:
    """Cleo revokes and says yes."""
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, **options})
    return await asked.press("Revoke access")


async def test_now_ends_access_and_billing_and_gives_the_payment_back(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.cleo.run(
        town.guild,
        "revoke",
        {"member": town.bob.user, "when": "now", "refund": "last_payment", "reason": "spam <@1>"},
    )
    assert asked.ephemeral
    assert asked.pings == []
    assert f"<@{town.bob.id}>" in asked.text
    assert "Refund for Gold: **€5.00**" in asked.text
    assert r"spam \<\@1>" in asked.text
    assert [b.style for b in asked.buttons] == ["danger", "secondary"]
    done = await asked.press("Revoke access")
    assert "Billing ended at once. Last payment refunded: €5.00." in done.text
    await town.settled()
    assert town.roles() == []
    note = await town.bob.dm_containing("Access revoked: Gold")
    assert r"Reason: spam \<\@1>" in note.text
    assert "Your last payment of €5.00 is being refunded." in note.text
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    assert own.status == "ended"


async def test_at_the_period_end_and_undone(town: Town) -> None:
    await town.sell()
    await town.buy()
    done = await revoke(town)
    assert "The roles stay" in done.text
    assert "Renewal stopped." in done.text
    await town.settled()
    assert town.roles() == ["Gold"]
    look = await town.bob.run(town.guild, "subscriptions")
    assert "Resume" not in [b.label for b in look.buttons]
    back = await done.press("Undo")
    assert "Renewal resumed." in back.text
    assert "lifted already" in (await done.press("Undo")).text
    told = await town.bob.dm_containing("Revocation lifted: Gold")
    assert "**Gold** will renew on" in told.text
    await town.turn(MONTH)
    assert town.roles() == ["Gold"]


async def test_a_member_who_cancels_meanwhile_is_not_billed_after_the_undo(town: Town) -> None:
    await town.sell()
    await town.buy()
    done = await revoke(town)
    asked = await town.bob.run(town.guild, "cancel")
    assert "admins have stopped it already" in asked.text
    receipt = await asked.press("Cancel subscription")
    assert "It stays cancelled even if the admins take their revocation back." in receipt.text
    assert "cancelled already" in (await town.bob.run(town.guild, "cancel")).text
    back = await done.press("Undo")
    assert "cancelled it themselves, so it does not renew" in back.text
    assert "You cancelled it yourself" in (await town.bob.dm_containing("Revocation lifted")).text
    charges = len(town.stripe.world.all("charge"))
    await town.turn(MONTH)
    assert len(town.stripe.world.all("charge")) == charges
    assert town.roles() == []


async def test_it_outlives_buying_anew_until_an_admin_lifts_it(town: Town) -> None:
    await town.cleo.run(town.guild, "plans settings", {"notice_channel": town.guild.channel()})
    await town.sell()
    await town.buy()
    await revoke(town, when="now", reason="spam")
    await town.settled()
    shop = await town.bob.run(town.guild, "subscribe")
    assert "revoked this for you" in shop.text
    assert [b.label for b in shop.buttons] == ["Ask the admins"]
    assert "have been told that you ask" in (await shop.press("Ask the admins")).text
    assert "have been told already" in (await shop.press("Ask the admins")).text
    await town.settled()
    notice = await town.cleo.message_containing(town.guild.channel(), "asks about a revocation")
    assert notice.pings == []
    denied = await town.bob.look_at(notice).press("Lift the revocation")
    assert denied.text == "You need the Manage Server permission for this."
    assert "lifted" in (await notice.press("Lift the revocation")).text
    assert "You can subscribe again" in (await town.bob.dm_containing("Revocation lifted")).text
    assert link_of(await town.bob.run(town.guild, "subscribe"))
    assert "not revoked any more" in (await shop.press("Ask the admins")).text


async def test_a_provider_that_is_down_takes_the_role_all_the_same(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": "now"})
    town.stripe.faults.add("status", status=503, times=None)
    done = await asked.press("Revoke access")
    assert "Stripe has not answered yet: ending the billing is tried again" in done.text
    await town.world.until(lambda: town.roles() == [], "the role to go")
    town.stripe.faults.clear()
    await town.turn(120)
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    assert own.status == "ended"


async def blocks(town: Town) -> list[str]:
    """The decisions in force about Bob."""
    state = await town.ports.ledger.load_member_state(town.guild.id, town.bob.id)
    return [override.decision_id for override in state.overrides]


async def test_a_question_is_left_or_goes_stale(town: Town) -> None:
    await town.sell()
    await town.buy()
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    assert (await asked.press("Leave it")).text == "Nothing was changed."
    again = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    town.clock.advance(14.5 * 60)
    third = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    town.clock.advance(60)
    assert "no longer open" in (await again.press("Revoke access")).text
    assert await blocks(town) == []
    await third.press("Revoke access")
    assert len(await blocks(town)) == 2  # the plan, and all others from then on


async def test_a_question_does_not_outlive_the_process(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await town.sell()
        await town.buy()
        asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": "now"})
    async with running(town):
        reply = await asked.press("Revoke access")
        assert "no longer open" in reply.text
        assert await blocks(town) == []
        assert town.roles() == ["Gold"]


async def test_the_permission_is_checked_at_every_step(town: Town) -> None:
    await town.sell()
    await town.buy()
    forced = await town.bob.run(town.guild, "revoke", {"member": town.bob.user}, force=True)
    assert forced.text == "You need the Manage Server permission for this."
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": "now"})
    staff = next(r for r in town.guild.roles.values() if r.permissions == MANAGE_GUILD)
    town.world.take_role(town.guild, town.cleo, staff)
    refused = await asked.press("Revoke access")
    assert "You need the Manage Server permission" in refused.text
    assert await blocks(town) == []


async def test_a_channels_overwrites_change_nothing_about_who_is_an_admin(town: Town) -> None:
    await town.sell()
    await town.buy()
    channel = town.guild.channel()
    channel.overwrites[town.bob.id] = (0, MANAGE_GUILD)
    channel.overwrites[town.cleo.id] = (MANAGE_GUILD, 0)
    forced = await town.bob.run(town.guild, "revoke", {"member": town.cleo.user}, force=True)
    assert forced.text == "You need the Manage Server permission for this."
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user}, force=True)
    assert [b.label for b in asked.buttons] == ["Revoke access", "Leave it"]


async def test_a_removed_plan_can_still_be_revoked(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.cleo.run(town.guild, "plans remove", {"plan": "Gold"})
    (choice,) = await town.cleo.autocomplete(town.guild, "revoke", "plan", "", {"member": town.bob.user})
    assert choice["name"] == "Gold (removed)"
    done = await revoke(town, plan=choice["value"], when="now")
    assert "Billing ended at once." in done.text


async def test_the_owner_lifts_from_their_dm(town: Town) -> None:
    await town.sell()
    await town.buy()
    await revoke(town, when="now")
    note = await town.bob.dm_containing("Access revoked")
    await note.press("Ask the admins")
    await town.settled()
    asked = await town.ada.dm_containing("asks about a revocation")
    assert "lifted" in (await asked.press("Lift the revocation")).text


async def test_a_refund_that_changed_meanwhile_is_asked_anew(town: Town) -> None:
    await town.sell()
    await town.buy()
    options = {"member": town.bob.user, "when": "now", "refund": "last_payment"}
    asked = await town.cleo.run(town.guild, "revoke", options)
    (charge,) = town.stripe.world.all("charge")
    town.stripe.dashboard.refund(charge["id"], 200)
    again = await asked.press("Revoke access")
    assert "The refund would be another one by now" in again.text
    assert "Refund for Gold: **€3.00**" in again.text
    assert await blocks(town) == []
    done = await again.press("Revoke access")
    assert "Billing ended at once." in done.text
    assert len(await blocks(town)) == 1


async def test_a_refund_cannot_be_looked_at_again_while_the_provider_is_down(town: Town) -> None:
    await town.sell()
    await town.buy()
    options = {"member": town.bob.user, "when": "now", "refund": "last_payment"}
    asked = await town.cleo.run(town.guild, "revoke", options)
    town.stripe.faults.add("status", status=503, times=None)
    assert "Access of" in (await asked.press("Revoke access")).text


async def test_an_old_page_is_closed_by_a_revocation(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.sell("Silver", town.silver)
    old_page = await town.bob.run(town.guild, "subscribe", {"plan": "Silver"})
    done = await revoke(town, when="now")
    with pytest.raises(StripeRefusal, match="has been expired"):
        town.stripe.pay_checkout(link_of(old_page))
    await done.press("Undo")
    town.stripe.pay_checkout(link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Silver"})))


async def test_paid_on_an_old_page_while_revoked(town: Town) -> None:
    await town.sell()
    await town.buy()
    await town.sell("Silver", town.silver, town.stripe.add_price(town.product, 900, currency="eur")["id"])
    old_page = await town.bob.run(town.guild, "subscribe", {"plan": "Silver"})
    town.stripe.faults.add("status", "/expire", status=503, times=None)
    await revoke(town, when="now")
    town.stripe.pay_checkout(link_of(old_page))
    await town.settled()
    assert town.roles() == []
    told = await town.ada.dm_containing("paid for what is revoked")
    assert f"<@{town.bob.id}> has paid for **Silver** (€9.00 a month, through Stripe)" in told.text
    assert "gives no role" in told.text
    own = await town.bob.dm_containing("This is revoked for you")
    assert "The admins have been told" in own.text
    assert [b.label for b in own.buttons] == ["Ask the admins"]
    assert "Renewal resumed." in (await told.press("Lift the revocation")).text
    await town.settled()
    assert town.roles() == ["Gold", "Silver"]


async def test_where_nothing_is_paid_the_roles_are_not_said_to_stay(town: Town) -> None:
    await town.sell()
    await town.buy()
    town.stripe.dashboard.fail_next_payment(9)
    await town.turn(MONTH)
    await town.turn(3700)
    assert town.roles() == ["Gold"]
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    assert "paid until" not in asked.text
    assert "Nothing is paid for the time ahead,** so the roles go now" in asked.text
    done = await asked.press("Revoke access")
    assert "The roles go now." in done.text
    await town.settled()
    assert town.roles() == []


async def test_free_days_are_not_called_paid(town: Town) -> None:
    await town.sell(trial_days=10)
    await town.buy()
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    assert ", free until <t:" in asked.text
    assert "paid until" not in asked.text


async def test_resumed_in_the_portal_meanwhile_it_is_not_said_to_renew(town: Town) -> None:
    await town.sell()
    await town.buy()
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    await revoke(town)
    town.stripe.dashboard.change(own.key.id, {"cancel_at_period_end": False})
    await town.settled()
    assert not [card for card in town.bob.dms if "will renew" in card.text]
    charges = len(town.stripe.world.all("charge"))
    await town.turn(MONTH)
    assert len(town.stripe.world.all("charge")) == charges
