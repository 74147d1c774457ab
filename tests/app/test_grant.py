"""/grant, and what a revocation and its undoing say, as admins and members see them."""

from __future__ import annotations

import re

import pytest

from standins.discord import Reply
from standins.discord.permissions import MANAGE_GUILD
from tests.app.harness import DAY, MONTH, AppHarness, link_of

BAN_MEMBERS = 1 << 2


async def grant(app: AppHarness, **options: object) -> Reply:
    """Cleo, who may manage the server, grants Bob Gold."""
    return await app.cleo.run(app.guild, "grant", {"member": app.bob.user, "plan": "Gold", **options})


async def test_a_grant_gives_the_roles_until_its_end(app: AppHarness) -> None:
    await app.sell()
    made = await grant(app, days=30, reason="helps <@1>")
    assert made.ephemeral
    assert made.pings == []
    found = re.search(r"for free until <t:(\d+):D>", made.text)
    assert found is not None
    end = int(found[1])
    assert 0 <= app.clock.now() + 30 * DAY - end < 60
    await app.settled()
    assert app.roles() == ["Gold"]
    told = await app.bob.dm_containing("You got Gold")
    assert "It's free for you." in told.text
    assert r"Reason: helps \<\@1>" in told.text
    look = await app.bob.run(app.guild, "subscriptions")
    assert f"The admins gave you this until <t:{end}:D>" in look.text
    assert "€" not in look.text
    assert "no subscriptions" not in look.text
    sale = await look.press("Subscribe starting then")
    assert f"gave you this plan until <t:{end}:D>" in sale.text
    assert "you won't be charged until then" in sale.text
    assert "You have this plan until" not in sale.text, "that was said"
    await app.turn(30 * DAY)
    assert app.roles() == []


async def test_a_subscription_bought_during_a_grant_is_charged_from_its_end(app: AppHarness) -> None:
    await app.sell()
    await grant(app, days=10)
    app.stripe.pay_checkout(link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"})))
    await app.settled()
    assert app.stripe.world.all("charge") == []
    await app.turn(11 * DAY)
    assert [charge["amount"] for charge in app.stripe.world.all("charge")] == [500]
    assert app.roles() == ["Gold"]


async def test_any_admin_can_undo_a_grant_with_the_button(app: AppHarness) -> None:
    await app.sell()
    made = await grant(app)
    assert "for free with no end date" in made.text
    await app.settled()
    assert "The server's admins gave you this plan." in (await app.bob.run(app.guild, "subscribe")).text
    assert "Grant undone" in (await made.press("Undo")).text
    await app.settled()
    assert app.roles() == []
    assert "already ended" in (await made.press("Undo")).text
    assert "ended it" in (await app.bob.dm_containing("Your free access to Gold has ended")).text


async def test_an_admin_cannot_grant_a_role_that_they_could_not_sell(app: AppHarness) -> None:
    """From the grantor's server-wide permissions at that moment; the owner could."""
    strong = app.world.add_role(app.guild, "Gold", bits=BAN_MEMBERS)
    app.world.set_role_position(strong, 80)
    await app.sell(role=strong)
    app.guild.channel().overwrites[app.cleo.id] = (0, (1 << 28) | BAN_MEMBERS)
    assert "you can't sell it" in (await grant(app)).text
    state = await app.ports.ledger.load_member_state(app.guild.id, app.bob.id)
    assert state.overrides == ()
    options = {"member": app.bob.user, "plan": "Gold"}
    assert "Gold granted" in (await app.ada.run(app.guild, "grant", options)).text


async def test_undoing_a_grant_checks_the_permission_again(app: AppHarness) -> None:
    await app.sell()
    made = await grant(app)
    forced = await app.bob.run(app.guild, "grant", {"member": app.bob.user, "plan": "Gold"}, force=True)
    assert forced.text == "You need the Manage Server permission for this."
    staff = next(r for r in app.guild.roles.values() if r.permissions == MANAGE_GUILD)
    app.world.take_role(app.guild, app.cleo, staff)
    assert "You need the Manage Server permission" in (await made.press("Undo")).text
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_a_refused_grant_says_why_and_what_to_do(app: AppHarness) -> None:
    await app.sell()
    dan = app.world.add_user("dan")
    assert "isn't in this server" in (await grant(app, member=dan.user)).text
    assert "Bots can't get a plan" in (await grant(app, member=app.application.bot)).text
    await app.cleo.run(app.guild, "plans remove", {"plan": "Gold"})
    assert "was removed" in (await grant(app)).text


async def test_a_grant_of_a_role_that_the_bot_cannot_give_warns(app: AppHarness) -> None:
    await app.sell()
    app.world.set_role_position(app.gold, 95)
    made = await app.ada.run(app.guild, "grant", {"member": app.bob.user, "plan": "Gold"})
    assert "Gold granted" in made.text
    assert "**Note:** " in made.text


async def test_a_revoked_member_is_granted_after_the_offered_lift(app: AppHarness) -> None:
    await app.sell()
    await (await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})).press("Revoke access")
    refused = await grant(app)
    assert "Lift the revocation first" in refused.text
    assert "Revocation lifted" in (await refused.press("Lift the revocation")).text
    assert "Gold granted" in (await grant(app)).text


async def test_granting_a_paying_member_says_that_billing_goes_on(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    assert "They're paying for Gold (€5.00 a month) and will keep being charged" in (await grant(app)).text
    told = await app.bob.dm_containing("You got Gold")
    assert "keep being charged" in told.text
    assert "Cancel" in [b.label for b in told.buttons]


async def test_undoing_an_immediate_revocation_restores_the_paid_days(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    end = (await app.ports.ledger.load_subscriptions_of(app.bob.id))[0].period_end
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "when": "now"})
    assert "can't be restarted" in asked.text
    assert "Undo gives back days that were paid and not refunded" in asked.text
    done = await asked.press("Revoke access")
    await app.settled()
    assert app.roles() == []
    back = await done.press("Undo")
    assert f"gets the paid days back until <t:{end}:D> and can subscribe again" in back.text
    await app.settled()
    assert app.roles() == ["Gold"]
    assert "already been undone" in (await done.press("Undo")).text
    told = await app.bob.dm_containing("Revocation lifted")
    assert f"until <t:{end}:D>" in told.text
    sale = await told.press("Subscribe again")
    assert "With Stripe, you won't be charged until then" in sale.text
    assert f"Paid until <t:{end}:D>" in (await app.bob.run(app.guild, "subscriptions")).text
    charges = len(app.stripe.world.all("charge"))
    app.stripe.pay_checkout(link_of(sale))
    await app.turn(20 * DAY)
    assert len(app.stripe.world.all("charge")) == charges
    await app.turn(MONTH - 19 * DAY)
    assert len(app.stripe.world.all("charge")) == charges + 1
    assert app.roles() == ["Gold"]


async def test_a_revocation_warns_that_it_ends_a_grant(app: AppHarness) -> None:
    await app.sell()
    await grant(app)
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user})
    assert "granted with no end date: this grant will end now. Undo won't bring it back" in asked.text


@pytest.mark.parametrize("there", [True, False])
async def test_a_member_without_a_subscription_can_be_blocked(app: AppHarness, *, there: bool) -> None:
    await app.sell()
    if not there:
        app.world.remove_member(app.guild, app.bob)
    asked = await app.cleo.run(app.guild, "revoke", {"member": app.bob.user, "reason": "spam"})
    assert "won't be able to subscribe to any plan in this server" in asked.text
    done = await asked.press("Revoke access")
    assert "They can't subscribe any more." in done.text
    if not there:
        app.world.add_member(app.guild, app.bob)
    shop = await app.bob.run(app.guild, "subscribe")
    assert "admins revoked your access to this plan, so you can't buy it.** Reason: spam" in shop.text
    assert f"<@{app.bob.id}> can subscribe again." in (await done.press("Undo")).text
    assert link_of(await app.bob.run(app.guild, "subscribe"))
