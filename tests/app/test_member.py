"""/member, as an admin sees it."""

from __future__ import annotations

import pytest

from standins.discord import Reply
from standins.discord.errors import NotOfferedError
from standins.discord.permissions import MANAGE_GUILD
from tests.app.harness import MONTH, AppHarness


async def look(app: AppHarness, **options: object) -> Reply:
    """Cleo, who may manage the server, looks at Bob."""
    return await app.cleo.run(app.guild, "member", {"member": app.bob.user, **options})


async def test_the_card_says_what_a_member_pays_has_and_why_and_what_changed(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    seen = await look(app)
    assert seen.ephemeral
    assert seen.pings == []
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert f"**Gold**: Renews on <t:{own.period_end}:D>. Price: €5.00 a month, through Stripe" in seen.text
    assert f"<@&{app.gold.id}>: Gold is paid." in seen.text
    changes = seen.text.partition("**Last changes**")[2]
    assert "Subscribed to Gold for €5.00 a month" in changes
    assert f"Got <@&{app.gold.id}> (paid)" in changes
    await app.bob.run(app.guild, "cancel")
    await (await app.bob.run(app.guild, "cancel")).press("Cancel subscription")
    await app.turn(MONTH)
    ended = await (await look(app)).press("Look again")
    assert ended.updated
    assert f"no longer <@&{app.gold.id}>: the subscription to Gold ended." in ended.text
    assert "Gold cancelled, ends on" in ended.text
    assert "Gold ended after a cancellation" in ended.text
    assert f"Lost <@&{app.gold.id}>" in ended.text


async def test_a_member_without_anything_has_an_empty_card(app: AppHarness) -> None:
    await app.sell()
    seen = await look(app)
    assert "no subscription in this server" in seen.text
    assert "no role by Dues" in seen.text
    assert [b.label for b in seen.buttons] == ["Look again", "Grant a plan", "Revoke access"]
    gone = await look(app, member=app.world.add_user("dan").user)
    assert "not in this server" in gone.text


async def test_a_missing_role_is_named_with_the_reason_why_it_is_owed(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    app.world.take_role(app.guild, app.bob, app.gold)
    seen = await look(app)
    assert (
        f"<@&{app.gold.id}> is missing in Discord, although they should have it: Gold is paid." in seen.text
    )
    await seen.press("Look again")
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_a_refund_is_asked_once_and_ends_nothing(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await (await look(app)).press("Refund a payment")
    assert "The subscription will continue" in asked.text
    assert "**Gold**: €5.00, paid on" in asked.text
    done = await asked.press("Refund €5.00 for Gold")
    assert "Last payment refunded: €5.00." in done.text
    await app.settled()
    assert [refund["amount"] for refund in app.stripe.world.all("refund")] == [500]
    assert app.roles() == ["Gold"]
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert own.renews
    told = await app.bob.dm_containing("Your payment for Gold was refunded")
    assert "€5.00" in told.text
    seen = await look(app)
    assert f"Refunded €5.00 by <@{app.cleo.id}>" in seen.text
    again = await seen.press("Refund a payment")
    assert "Nothing to refund" in again.text


async def test_a_plan_is_granted_and_access_revoked_from_the_card(app: AppHarness) -> None:
    await app.sell()
    seen = await look(app)
    asked = await seen.press("Grant a plan")
    (plans,) = asked.selects
    days = await asked.choose(plans.custom_id, "Gold")
    (menu,) = days.selects
    granted = await days.choose(menu.custom_id, "30 days")
    assert "Gold granted" in granted.text
    await app.settled()
    assert app.roles() == ["Gold"]
    seen = await look(app)
    assert f"<@&{app.gold.id}>: admins granted Gold. Until <t:" in seen.text
    assert "Gold granted until" in seen.text
    question = await seen.press("Revoke access")
    assert "this grant will end now" in question.text
    await question.press("Revoke access")
    await app.settled()
    assert app.roles() == []
    assert "Revoked: every plan." in (await look(app)).text


@pytest.mark.parametrize("label", ["Look again", "Grant a plan", "Refund a payment", "Revoke access"])
async def test_each_button_checks_the_permission_again(app: AppHarness, label: str) -> None:
    await app.sell()
    await app.buy()
    seen = await look(app)
    staff = next(r for r in app.guild.roles.values() if r.permissions == MANAGE_GUILD)
    app.world.take_role(app.guild, app.cleo, staff)
    assert (await seen.press(label)).text == "You need the Manage Server permission for this."
    forced = await app.bob.run(app.guild, "member", {"member": app.cleo.user}, force=True)
    assert forced.text == "You need the Manage Server permission for this."


async def test_a_refund_that_was_asked_is_not_made_without_the_permission(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    asked = await (await look(app)).press("Refund a payment")
    staff = next(r for r in app.guild.roles.values() if r.permissions == MANAGE_GUILD)
    app.world.take_role(app.guild, app.cleo, staff)
    denied = await asked.press("Refund €5.00 for Gold")
    assert denied.text == "You need the Manage Server permission for this."
    assert app.stripe.world.all("refund") == []


async def test_the_context_menus_of_a_member_and_a_message_show_the_member_to_admins(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    said = app.bob.say(app.guild, "hello")
    on_member = await app.cleo.use_menu(app.guild, "Subscription", app.bob)
    assert on_member.ephemeral
    assert "**Gold**: Renews on" in on_member.text
    on_message = await app.cleo.use_menu(app.guild, "Why this role?", app.cleo.look_at(said))
    assert on_message.ephemeral
    assert on_message.pings == []
    assert f"<@&{app.gold.id}>: Gold is paid." in on_message.text
    with pytest.raises(NotOfferedError):
        await app.bob.use_menu(app.guild, "Subscription", app.cleo)
    refused = await app.bob.use_menu(app.guild, "Subscription", app.cleo, force=True)
    assert refused.text == "You need the Manage Server permission for this."
    refused = await app.bob.use_menu(app.guild, "Why this role?", said, force=True)
    assert refused.text == "You need the Manage Server permission for this."
