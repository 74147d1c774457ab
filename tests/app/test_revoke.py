from __future__ import annotations

import pytest

from standins.discord import Reply
from standins.discord.permissions import MANAGE_GUILD
from standins.stripe.errors import StripeRefusal
from tests.app.harness import MONTH, AppHarness, link_of, running


async def revoke(app: AppHarness, **options: object) -> Reply:
    """Cleo revokes and says yes."""
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, **options})
    return await asked.press("Revoke access")


async def test_revoking_now_with_a_refund_ends_access_and_billing_and_refunds_the_last_payment(
    app: AppHarness,
) -> None:
    await app.sell()
    await app.buy()
    asked = await app.cleo.run(
        app.guild,
        "revoke",
        {"member": app.bob.user, "when": "now", "refund": "last_payment", "reason": "spam <@1>"},
    )
    assert asked.ephemeral
    assert asked.pings == []
    assert f"<@{app.bob.id}>" in asked.text
    assert "Refund for Gold: **€5.00**" in asked.text
    assert r"spam \<\@1>" in asked.text
    assert [b.style for b in asked.buttons] == ["danger", "secondary"]
    done = await asked.press("Revoke access")
    assert "Billing ended immediately. Last payment refunded: €5.00." in done.text
    await app.settled()
    assert app.roles() == []
    note = await app.bob.dm_containing("Access revoked: Gold")
    assert r"Reason: spam \<\@1>" in note.text
    assert "Your last payment of €5.00 is being refunded." in note.text
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert own.status == "ended"


async def test_revoking_at_the_period_end_keeps_the_roles_and_undo_resumes_the_renewal(
    app: AppHarness,
) -> None:
    await app.sell()
    await app.buy()
    done = await revoke(app)
    assert "They'll keep the roles until the end of the paid period." in done.text
    assert "Renewal stopped." in done.text
    await app.settled()
    assert app.roles() == ["Gold"]
    look = await app.bob.run(app.guild, "subscriptions")
    assert "Resume" not in [b.label for b in look.buttons]
    back = await done.press("Undo")
    assert "Renewal resumed." in back.text
    assert "already been undone" in (await done.press("Undo")).text
    told = await app.bob.dm_containing("Revocation lifted: Gold")
    assert "**Gold** will renew on" in told.text
    await app.turn(MONTH)
    assert app.roles() == ["Gold"]


async def test_a_member_who_cancels_meanwhile_is_not_billed_after_the_undo(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    done = await revoke(app)
    asked = await app.bob.run(app.guild, "cancel")
    assert "admins have already stopped it" in asked.text
    receipt = await asked.press("Cancel subscription")
    assert "It will stay cancelled even if the admins undo their revocation." in receipt.text
    assert "already cancelled" in (await app.bob.run(app.guild, "cancel")).text
    back = await done.press("Undo")
    assert "also cancelled the subscription, so it won't renew" in back.text
    assert (
        "You cancelled the subscription yourself" in (await app.bob.dm_containing("Revocation lifted")).text
    )
    charges = len(app.stripe.world.all("charge"))
    await app.turn(MONTH)
    assert len(app.stripe.world.all("charge")) == charges
    assert app.roles() == []


async def test_a_revoked_member_cannot_subscribe_until_an_admin_lifts_the_revocation(app: AppHarness) -> None:
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": app.guild.channel()})
    await app.sell()
    await app.buy()
    await revoke(app, when="now", reason="spam")
    await app.settled()
    shop = await app.bob.run(app.guild, "subscribe")
    assert "revoked your access to this" in shop.text
    assert [b.label for b in shop.buttons] == ["Ask the admins"]
    assert "know that you'd like them to reconsider" in (await shop.press("Ask the admins")).text
    assert "You've already asked the admins" in (await shop.press("Ask the admins")).text
    await app.settled()
    notice = await app.cleo.message_containing(app.guild.channel(), "is asking about a revocation")
    assert notice.pings == []
    denied = await app.bob.look_at(notice).press("Lift the revocation")
    assert denied.text == "You need the Manage Server permission for this."
    assert "lifted" in (await notice.press("Lift the revocation")).text
    assert "You can subscribe again" in (await app.bob.dm_containing("Revocation lifted")).text
    assert link_of(await app.bob.run(app.guild, "subscribe"))
    assert "no longer revoked" in (await shop.press("Ask the admins")).text


async def test_an_immediate_revocation_takes_the_role_while_the_provider_is_down(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": "now"})
    app.stripe.faults.add("status", status=503, times=None)
    done = await asked.press("Revoke access")
    assert "**End the billing immediately**: Stripe hasn't responded yet" in done.text
    await app.world.until(lambda: app.roles() == [], "the role to go")
    app.stripe.faults.clear()
    await app.turn(120)
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert own.status == "ended"


async def blocks(app: AppHarness) -> list[str]:
    """The decisions in force about Bob."""
    state = await app.ports.ledger.load_member_state(app.guild.id, app.bob.id)
    return [override.decision_id for override in state.overrides]


async def test_a_revoke_question_that_was_declined_or_expired_revokes_nothing(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert (await asked.press("Keep access")).text == "Nothing was changed."
    again = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    app.clock.advance(14.5 * 60)
    third = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    app.clock.advance(60)
    assert "no longer open" in (await again.press("Revoke access")).text
    assert await blocks(app) == []
    await third.press("Revoke access")
    assert len(await blocks(app)) == 2  # the plan, and all others from then on


async def test_a_revoke_question_asked_before_a_restart_revokes_nothing(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await app.sell()
        await app.buy()
        asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": "now"})
    async with running(app):
        reply = await asked.press("Revoke access")
        assert "no longer open" in reply.text
        assert await blocks(app) == []
        assert app.roles() == ["Gold"]


async def test_a_member_without_manage_server_can_neither_ask_nor_confirm_a_revocation(
    app: AppHarness,
) -> None:
    await app.sell()
    await app.buy()
    forced = await app.bob.run(app.guild, "revoke", {"member": app.bob.user}, force=True)
    assert forced.text == "You need the Manage Server permission for this."
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": "now"})
    staff = next(r for r in app.guild.roles.values() if r.permissions == MANAGE_GUILD)
    app.world.take_role(app.guild, app.cleo, staff)
    refused = await asked.press("Revoke access")
    assert "You need the Manage Server permission" in refused.text
    assert await blocks(app) == []


async def test_a_channels_overwrites_change_nothing_about_who_is_an_admin(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    channel = app.guild.channel()
    channel.overwrites[app.bob.id] = (0, MANAGE_GUILD)
    channel.overwrites[app.cleo.id] = (MANAGE_GUILD, 0)
    forced = await app.bob.run(app.guild, "revoke", {"member": app.cleo.user}, force=True)
    assert forced.text == "You need the Manage Server permission for this."
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user}, force=True)
    assert [b.label for b in asked.buttons] == ["Revoke access", "Keep access"]


async def test_a_removed_plan_can_still_be_revoked(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.cleo.run(app.guild, "plans remove", {"plan": "Gold"})
    (choice,) = await app.cleo.autocomplete(app.guild, "revoke", "plan", "", {"member": app.bob.user})
    assert choice["name"] == "Gold (removed)"
    done = await revoke(app, plan=choice["value"], when="now")
    assert "Billing ended immediately." in done.text


async def test_the_owner_lifts_a_revocation_from_the_notice_in_their_dm(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await revoke(app, when="now")
    note = await app.bob.dm_containing("Access revoked")
    await note.press("Ask the admins")
    await app.settled()
    asked = await app.ada.dm_containing("is asking about a revocation")
    assert "lifted" in (await asked.press("Lift the revocation")).text


async def test_a_refund_that_changed_since_the_question_has_to_be_confirmed_again(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    options = {"member": app.bob.user, "when": "now", "refund": "last_payment"}
    asked = await app.cleo.run(app.guild, "revoke", options)
    (charge,) = app.stripe.world.all("charge")
    app.stripe.dashboard.refund(charge["id"], 200)
    again = await asked.press("Revoke access")
    assert "The refund has changed since you were asked" in again.text
    assert "Refund for Gold: **€3.00**" in again.text
    assert await blocks(app) == []
    done = await again.press("Revoke access")
    assert "Billing ended immediately." in done.text
    assert len(await blocks(app)) == 1


async def test_a_refund_cannot_be_looked_at_again_while_the_provider_is_down(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    options = {"member": app.bob.user, "when": "now", "refund": "last_payment"}
    asked = await app.cleo.run(app.guild, "revoke", options)
    app.stripe.faults.add("status", status=503, times=None)
    assert "access was revoked" in (await asked.press("Revoke access")).text


async def test_a_revocation_closes_the_members_open_checkout(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    await app.sell("Silver", app.silver)
    old_page = await app.bob.run(app.guild, "subscribe", {"plan": "Silver"})
    done = await revoke(app, when="now")
    with pytest.raises(StripeRefusal, match="has been expired"):
        app.stripe.pay_checkout(link_of(old_page))
    await done.press("Undo")
    app.stripe.pay_checkout(link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Silver"})))


async def test_a_payment_on_an_old_checkout_page_while_revoked_gives_no_role_and_tells_the_admins(
    app: AppHarness,
) -> None:
    await app.sell()
    await app.buy()
    await app.sell("Silver", app.silver, app.stripe.add_price(app.product, 900, currency="eur")["id"])
    old_page = await app.bob.run(app.guild, "subscribe", {"plan": "Silver"})
    app.stripe.faults.add("status", "/expire", status=503, times=None)
    await revoke(app, when="now")
    app.stripe.pay_checkout(link_of(old_page))
    await app.settled()
    assert app.roles() == []
    told = await app.ada.dm_containing("paid for a revoked plan")
    assert f"<@{app.bob.id}> paid for **Silver** (€9.00 a month, through Stripe)" in told.text
    assert "don't get any roles" in told.text
    own = await app.bob.dm_containing("Your access to this was revoked")
    assert "The admins have been notified" in own.text
    assert [b.label for b in own.buttons] == ["Ask the admins"]
    assert "Renewal resumed." in (await told.press("Lift the revocation")).text
    await app.settled()
    assert app.roles() == ["Gold", "Silver"]


async def test_revoking_a_subscription_with_nothing_paid_ahead_says_that_the_roles_go_now(
    app: AppHarness,
) -> None:
    await app.sell()
    await app.buy()
    app.stripe.dashboard.fail_next_payment(9)
    await app.turn(MONTH)
    await app.turn(3700)
    assert app.roles() == ["Gold"]
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert "paid until" not in asked.text
    assert "They have no paid time left,** so the bot will remove the roles now" in asked.text
    done = await asked.press("Revoke access")
    assert "The bot is removing the roles now." in done.text
    await app.settled()
    assert app.roles() == []


async def test_the_revoke_question_does_not_call_free_days_paid(app: AppHarness) -> None:
    await app.sell(trial_days=10)
    await app.buy()
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert ", free until <t:" in asked.text
    assert "paid until" not in asked.text


async def test_an_undo_does_not_claim_a_renewal_that_the_portal_already_resumed(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    await revoke(app)
    app.stripe.dashboard.change(own.key.id, {"cancel_at_period_end": False})
    await app.settled()
    assert not [card for card in app.bob.dms if "will renew" in card.text]
    charges = len(app.stripe.world.all("charge"))
    await app.turn(MONTH)
    assert len(app.stripe.world.all("charge")) == charges
