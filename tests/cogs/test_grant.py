"""/grant, and what a revocation and its undoing say, as admins and members see them."""

from __future__ import annotations

import re

import pytest

from standins.discord import Reply
from standins.discord.permissions import MANAGE_GUILD
from tests.cogs.town import DAY, MONTH, Town, link_of

BAN_MEMBERS = 1 << 2


async def grant(town: Town, **options: object) -> Reply:
    """Cleo, who may manage the server, grants Bob Gold."""
    return await town.cleo.run(town.guild, "grant", {"member": town.bob.user, "plan": "Gold", **options})


async def test_a_grant_gives_the_roles_until_its_end(town: Town) -> None:
    await town.sell()
    made = await grant(town, days=30, reason="helps <@1>")
    assert made.ephemeral
    assert made.pings == []
    found = re.search(r"<t:(\d+):D>, without payment", made.text)
    assert found is not None
    end = int(found[1])
    assert 0 <= town.clock.now() + 30 * DAY - end < 60
    await town.settled()
    assert town.roles() == ["Gold"]
    told = await town.bob.dm_containing("You got Gold")
    assert "It costs you nothing." in told.text
    assert r"Reason: helps \<\@1>" in told.text
    look = await town.bob.run(town.guild, "subscriptions")
    assert f"Granted by the admins until <t:{end}:D>" in look.text
    assert "€" not in look.text
    assert "no subscriptions" not in look.text
    sale = await look.press("Subscribe from then")
    assert f"gave you this until <t:{end}:D>" in sale.text
    assert "the first payment is taken only then" in sale.text
    assert "You have this until" not in sale.text, "that was said"
    await town.turn(30 * DAY)
    assert town.roles() == []


async def test_what_is_bought_during_a_grant_is_charged_from_its_end_on(town: Town) -> None:
    await town.sell()
    await grant(town, days=10)
    town.stripe.pay_checkout(link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Gold"})))
    await town.settled()
    assert town.stripe.world.all("charge") == []
    await town.turn(11 * DAY)
    assert [charge["amount"] for charge in town.stripe.world.all("charge")] == [500]
    assert town.roles() == ["Gold"]


async def test_undone_by_any_admin_with_the_button(town: Town) -> None:
    await town.sell()
    made = await grant(town)
    assert "for good, without payment" in made.text
    await town.settled()
    assert "You have this: the server's admins gave it" in (await town.bob.run(town.guild, "subscribe")).text
    assert "Grant undone" in (await made.press("Undo")).text
    await town.settled()
    assert town.roles() == []
    assert "ended already" in (await made.press("Undo")).text
    assert "took it back" in (await town.bob.dm_containing("Grant ended: Gold")).text


async def test_nobody_grants_what_they_could_not_sell(town: Town) -> None:
    """From the grantor's server-wide permissions at that moment; the owner could."""
    strong = town.world.add_role(town.guild, "Gold", bits=BAN_MEMBERS)
    town.world.set_role_position(strong, 80)
    await town.sell(role=strong)
    town.guild.channel().overwrites[town.cleo.id] = (0, (1 << 28) | BAN_MEMBERS)
    assert "you cannot sell it" in (await grant(town)).text
    state = await town.ports.ledger.load_member_state(town.guild.id, town.bob.id)
    assert state.overrides == ()
    options = {"member": town.bob.user, "plan": "Gold"}
    assert "Gold granted" in (await town.ada.run(town.guild, "grant", options)).text


async def test_the_permission_is_looked_at_again_for_the_button(town: Town) -> None:
    await town.sell()
    made = await grant(town)
    forced = await town.bob.run(town.guild, "grant", {"member": town.bob.user, "plan": "Gold"}, force=True)
    assert forced.text == "You need the Manage Server permission for this."
    staff = next(r for r in town.guild.roles.values() if r.permissions == MANAGE_GUILD)
    town.world.take_role(town.guild, town.cleo, staff)
    assert "You need the Manage Server permission" in (await made.press("Undo")).text
    await town.settled()
    assert town.roles() == ["Gold"]


async def test_who_cannot_have_it_is_said_with_the_way_out(town: Town) -> None:
    await town.sell()
    dan = town.world.add_user("dan")
    assert "is not in this server" in (await grant(town, member=dan.user)).text
    assert "Bots get no plans" in (await grant(town, member=town.app.bot)).text
    await town.cleo.run(town.guild, "plans remove", {"plan": "Gold"})
    assert "was removed" in (await grant(town)).text


async def test_a_role_that_the_bot_cannot_give_is_granted_with_a_warning(town: Town) -> None:
    await town.sell()
    town.world.set_role_position(town.gold, 95)
    made = await town.ada.run(town.guild, "grant", {"member": town.bob.user, "plan": "Gold"})
    assert "Gold granted" in made.text
    assert "**Note:** " in made.text


async def test_who_is_revoked_is_granted_after_the_lift_that_is_offered(town: Town) -> None:
    await town.sell()
    await (await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})).press("Revoke access")
    refused = await grant(town)
    assert "Lift the revocation first" in refused.text
    assert "Revocation lifted" in (await refused.press("Lift the revocation")).text
    assert "Gold granted" in (await grant(town)).text


async def test_who_pays_hears_that_the_billing_goes_on(town: Town) -> None:
    await town.sell()
    await town.buy()
    assert "they pay for Gold (€5.00 a month), and that goes on" in (await grant(town)).text
    told = await town.bob.dm_containing("You got Gold")
    assert "that goes on" in told.text
    assert "Cancel" in [b.label for b in told.buttons]


async def test_a_revocation_now_says_what_cannot_be_undone_and_undo_gives_the_rest(town: Town) -> None:
    await town.sell()
    await town.buy()
    end = (await town.ports.ledger.load_subscriptions_of(town.bob.id))[0].period_end
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "when": "now"})
    assert "cannot be restarted" in asked.text
    assert "Undo gives back the days that were paid and not refunded" in asked.text
    done = await asked.press("Revoke access")
    await town.settled()
    assert town.roles() == []
    back = await done.press("Undo")
    assert f"has the paid days back until <t:{end}:D> and can subscribe again" in back.text
    await town.settled()
    assert town.roles() == ["Gold"]
    assert "lifted already" in (await done.press("Undo")).text
    told = await town.bob.dm_containing("Revocation lifted")
    assert f"until <t:{end}:D>" in told.text
    sale = await told.press("Subscribe again")
    assert "With Stripe the first payment is taken only then" in sale.text
    assert f"Paid until <t:{end}:D>" in (await town.bob.run(town.guild, "subscriptions")).text
    charges = len(town.stripe.world.all("charge"))
    town.stripe.pay_checkout(link_of(sale))
    await town.turn(20 * DAY)
    assert len(town.stripe.world.all("charge")) == charges
    await town.turn(MONTH - 19 * DAY)
    assert len(town.stripe.world.all("charge")) == charges + 1
    assert town.roles() == ["Gold"]


async def test_a_grants_end_by_revocation_is_said_before(town: Town) -> None:
    await town.sell()
    await grant(town)
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user})
    assert "granted for good: the grant ends now. Undo does not bring it back" in asked.text


@pytest.mark.parametrize("there", [True, False])
async def test_somebody_without_a_subscription_is_shut_out(town: Town, *, there: bool) -> None:
    await town.sell()
    if not there:
        town.world.remove_member(town.guild, town.bob)
    asked = await town.cleo.run(town.guild, "revoke", {"member": town.bob.user, "reason": "spam"})
    assert "will not be able to subscribe to any plan here" in asked.text
    done = await asked.press("Revoke access")
    assert "They cannot subscribe any more." in done.text
    if not there:
        town.world.add_member(town.guild, town.bob)
    shop = await town.bob.run(town.guild, "subscribe")
    assert "admins revoked this for you, so it cannot be bought.** Reason: spam" in shop.text
    assert f"<@{town.bob.id}> can subscribe again." in (await done.press("Undo")).text
    assert link_of(await town.bob.run(town.guild, "subscribe"))
