from __future__ import annotations

import pytest

from standins.discord import Role
from standins.discord.permissions import (
    ADMINISTRATOR,
    EVERYONE,
    MANAGE_GUILD,
    MANAGE_MESSAGES,
    MANAGE_ROLES,
    MENTION_EVERYONE,
    VIEW_CHANNEL,
)
from tests.cogs.town import Town, link_of


async def test_add_list_edit_remove(town: Town) -> None:
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price, "description": "All of it"}
    added = await town.cleo.run(town.guild, "plans add", options)
    assert added.ephemeral
    assert "Now on sale" in added.text
    assert "Note:" not in added.text
    (choice,) = await town.cleo.autocomplete(town.guild, "plans edit", "plan", "go")
    changes = {
        "plan": choice["value"],
        "name": "Golden",
        "add_role": town.silver,
        "trial_days": 3,
        "hidden": True,
    }
    edited = await town.cleo.run(town.guild, "plans edit", changes)
    assert "Golden" in edited.text
    assert f"<@&{town.silver.id}>" in edited.text
    listed = await town.ada.run(town.guild, "plans list")
    assert "Golden" in listed.text
    assert "3 free days, hidden" in listed.text
    await town.cleo.run(town.guild, "plans edit", {"plan": "golden", "remove_role": town.gold})
    assert f"<@&{town.gold.id}>" not in (await town.cleo.run(town.guild, "plans list")).text
    removed = await town.cleo.run(town.guild, "plans remove", {"plan": "Golden"})
    assert "no longer on sale" in removed.text
    assert "sells nothing yet" in (await town.cleo.run(town.guild, "plans list")).text


async def test_a_deleted_role_leaves_the_plan_when_another_comes(town: Town) -> None:
    """Discord offers for remove_role only roles that there are."""
    await town.sell()
    await town.buy()
    town.world.delete_role(town.gold)
    edited = await town.cleo.run(town.guild, "plans edit", {"plan": "Gold", "add_role": town.silver})
    assert f"<@&{town.silver.id}>" in edited.text
    assert str(town.gold.id) not in edited.text
    await town.settled()
    assert town.roles() == ["Silver"]
    assert "was deleted" not in (await town.cleo.run(town.guild, "doctor")).text


async def test_a_plan_that_was_removed_gets_another_role_for_its_payers(town: Town) -> None:
    """It is not on sale any more, and its only role was deleted: its members waited for ever."""
    plan = await town.sell()
    await town.buy()
    await town.cleo.run(town.guild, "plans remove", {"plan": "Gold"})
    town.world.delete_role(town.gold)
    await town.bob.run(town.guild, "subscriptions")
    await town.settled()
    found = await town.cleo.run(town.guild, "doctor")
    assert "no longer on sale, but may be paid for still" in found.text
    (choice,) = await town.cleo.autocomplete(town.guild, "plans edit", "plan", "")
    assert choice["name"] == "Gold (removed)"
    refused = await town.cleo.run(town.guild, "plans edit", {"plan": choice["value"], "hidden": True})
    assert "only its roles can be changed" in refused.text
    edited = await town.cleo.run(town.guild, "plans edit", {"plan": choice["value"], "add_role": town.silver})
    assert "Changed for those who still pay; not on sale" in edited.text
    await town.settled()
    assert town.roles() == ["Silver"]
    assert "All is well" in (await town.cleo.run(town.guild, "doctor")).text
    kept = await town.ports.ledger.load_plan(plan.id)
    assert kept is not None
    assert kept.removed_at is not None


async def test_a_removed_plan_that_nobody_pays_for_troubles_no_admin(town: Town) -> None:
    await town.sell()
    await town.cleo.run(town.guild, "plans remove", {"plan": "Gold"})
    town.world.delete_role(town.gold)
    assert "All is well" in (await town.cleo.run(town.guild, "doctor")).text


@pytest.mark.parametrize(
    "change",
    [
        {"unit_amount": None, "unit_amount_decimal": None, "billing_scheme": "tiered"},
        {"recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": "mtr_1"}},
    ],
)
async def test_a_price_by_tiers_or_use_is_not_sold(town: Town, change: dict[str, object]) -> None:
    town.stripe.world.get("price", town.price).update(change)
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
    refused = await town.cleo.run(town.guild, "plans add", options)
    assert "has no one amount at Stripe" in refused.text
    assert "sells nothing yet" in (await town.cleo.run(town.guild, "plans list")).text


async def test_a_price_is_taken_off_sale(town: Town) -> None:
    await town.sell()
    off = await town.cleo.run(town.guild, "plans edit", {"plan": "Gold", "stripe_price": "none"})
    assert "Not on sale" in off.text
    assert "Nothing is on sale here" in (await town.bob.run(town.guild, "subscribe")).text


def role_named(town: Town, which: str) -> Role:
    """A role that an admin may not sell."""
    if which == "everyone":
        return town.guild.everyone
    if which == "managed":
        return town.bot_role
    return town.world.add_role(town.guild, "Above", position=len(town.guild.roles), bits=MANAGE_MESSAGES)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("everyone", "@everyone has this"),
        ("managed", "belongs to a bot"),
        ("above", "above your own highest"),
    ],
)
async def test_roles_that_cannot_be_sold(town: Town, which: str, said: str) -> None:
    await town.sell("Silver", town.silver)
    role = role_named(town, which)
    options = {"name": "X", "role": role, "stripe_price": town.price}
    assert said in (await town.cleo.run(town.guild, "plans add", options)).text
    assert said in (await town.cleo.run(town.guild, "plans edit", {"plan": "Silver", "add_role": role})).text
    assert [p.name for p in await town.ports.ledger.load_plans(town.guild.id)] == ["Silver"]


async def test_manage_server_alone_buys_no_more_power_than_it_has(town: Town) -> None:
    (staff,) = [role for role in town.guild.roles.values() if role.permissions == MANAGE_GUILD]
    moderator = town.world.add_role(town.guild, "Moderator", bits=MANAGE_MESSAGES)
    options = {"name": "X", "role": moderator, "stripe_price": town.price}
    assert "you lack Manage Roles" in (await town.cleo.run(town.guild, "plans add", options)).text
    town.world.edit_role(staff, bits=MANAGE_GUILD | MANAGE_ROLES)
    assert "Now on sale" in (await town.cleo.run(town.guild, "plans add", options)).text


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (
            ADMINISTRATOR,
            "**Note:** This role is Administrator: whoever pays may do everything in this server",
        ),
        (ADMINISTRATOR | MANAGE_ROLES, "This role is Administrator"),
        (MANAGE_MESSAGES, "**Note:** This role permits Manage Messages; whoever pays"),
        (MANAGE_ROLES | MENTION_EVERYONE, "permits Manage Roles, Mention everyone; whoever pays"),
        (VIEW_CHANNEL, ""),
    ],
)
async def test_an_admin_is_warned_of_what_a_role_permits(town: Town, bits: int, said: str) -> None:
    """With each role that is added, whoever adds it."""
    role = town.world.add_role(town.guild, "Power", bits=bits)
    options = {"name": "X", "role": role, "stripe_price": town.price}
    await town.sell("Silver", town.silver, town.stripe.add_price(town.product, 500)["id"])
    added = await town.ada.run(town.guild, "plans add", options)
    edited = await town.ada.run(town.guild, "plans edit", {"plan": "Silver", "add_role": role})
    for reply in (added, edited):
        assert said in reply.text
        assert ("Note:" in reply.text) == bool(said)
    assert ("It permits" in (await town.ada.run(town.guild, "doctor")).text) == bool(said)


async def test_an_admin_is_warned_of_what_a_channel_lets_a_role_do(town: Town) -> None:
    lounge = town.world.add_channel(town.guild, "lounge")
    lounge.overwrites[town.gold.id] = (0, MANAGE_MESSAGES)
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    reply = await town.ada.run(
        town.guild, "plans add", {"name": "X", "role": town.gold, "stripe_price": town.price}
    )
    assert "This role permits Manage Messages" in reply.text


async def test_power_in_a_channel_is_power(town: Town) -> None:
    """Cleo lacks Manage Roles until the end, so she sells no look into a channel that she cannot see."""
    council = town.world.add_role(town.guild, "Council", position=len(town.guild.roles))
    lounge = town.world.add_role(town.guild, "Lounge")
    for role in (council, lounge):
        room = town.world.add_channel(town.guild, role.name.lower(), private=True)
        room.overwrites[role.id] = (0, VIEW_CHANNEL)
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    lounges = {"name": "Lounge", "role": lounge, "stripe_price": town.price}
    for role, said in ((council, "above your own highest"), (lounge, "you lack Manage Roles")):
        options = {"name": role.name, "role": role, "stripe_price": town.price}
        assert said in (await town.cleo.run(town.guild, "plans add", options)).text
    (staff,) = [role for role in town.guild.roles.values() if role.permissions == MANAGE_GUILD]
    town.world.edit_role(staff, bits=MANAGE_GUILD | MANAGE_ROLES)
    added = (await town.cleo.run(town.guild, "plans add", lounges)).text
    assert "Now on sale" in added
    assert "The bot cannot see 2 channels of this server." in added


async def test_who_sees_a_channel_sells_a_look_into_it(town: Town) -> None:
    (staff,) = [role for role in town.guild.roles.values() if role.permissions == MANAGE_GUILD]
    room = town.world.add_channel(town.guild, "lounge", private=True)
    for role in (staff, town.gold):
        room.overwrites[role.id] = (0, VIEW_CHANNEL)
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
    assert "Now on sale" in (await town.cleo.run(town.guild, "plans add", options)).text


async def test_a_role_that_opens_a_channel_by_its_own_permissions(town: Town) -> None:
    """@everyone sees nothing in this server, and Cleo's role is denied one channel that the sold one sees."""
    (staff,) = [role for role in town.guild.roles.values() if role.permissions == MANAGE_GUILD]
    town.world.edit_role(town.guild.everyone, bits=EVERYONE & ~VIEW_CHANNEL)
    town.world.edit_role(staff, bits=MANAGE_GUILD | VIEW_CHANNEL)
    viewer = town.world.add_role(town.guild, "Viewer", bits=VIEW_CHANNEL)
    room = town.world.add_channel(town.guild, "vault")
    room.overwrites[staff.id] = (VIEW_CHANNEL, 0)
    town.world.close_guild(town.guild)
    town.world.open_guild(town.guild)
    options = {"name": "Viewer", "role": viewer, "stripe_price": town.price}
    assert "you lack Manage Roles" in (await town.cleo.run(town.guild, "plans add", options)).text


@pytest.mark.parametrize("change", [{"name": "Higher"}, {"hidden": False}, {"description": "Buy!"}])
async def test_a_plan_whose_role_one_could_not_sell_is_not_renamed_or_listed(
    town: Town, change: dict[str, object]
) -> None:
    plan = await town.sell("High", role_named(town, "above"), hidden=True)
    refused = await town.cleo.run(town.guild, "plans edit", {"plan": "High", **change})
    assert "above your own highest" in refused.text
    assert await town.ports.ledger.load_plan(plan.id) == plan
    assert "Changed" in (await town.cleo.run(town.guild, "plans edit", {"plan": "High", "hidden": True})).text
    assert "Changed" in (await town.ada.run(town.guild, "plans edit", {"plan": "High", **change})).text


async def test_free_days_of_a_role_that_one_could_not_sell(town: Town) -> None:
    high = role_named(town, "above")
    await town.sell("High", high)
    refused = await town.cleo.run(town.guild, "plans edit", {"plan": "High", "trial_days": 700})
    assert "above your own highest" in refused.text
    edited = await town.ada.run(town.guild, "plans edit", {"plan": "High", "trial_days": 700})
    assert "700 free" in edited.text


async def test_a_role_that_the_bot_cannot_give_is_sold_with_a_warning(town: Town) -> None:
    town.world.set_role_position(town.bot_role, 1)
    town.world.edit_role(town.bot_role, bits=0)
    options = {"name": "Gold", "role": town.gold, "stripe_price": town.price}
    added = await town.ada.run(town.guild, "plans add", options)
    assert "Now on sale" in added.text
    assert "stands above the bot's own" in added.text
    assert "lacks Manage Roles" in added.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stripe_price": "price_nope"}, "Stripe knows no price"),
        ({}, "needs a price"),
        ({"paypal_plan": "P-1"}, "PayPal is not set up"),
    ],
)
async def test_prices_that_cannot_be_sold(town: Town, options: dict[str, str], said: str) -> None:
    reply = await town.cleo.run(town.guild, "plans add", {"name": "X", "role": town.gold, **options})
    assert said in reply.text


async def test_only_admins_even_where_the_command_was_opened_to_others(town: Town) -> None:
    await town.sell()
    for command, options in (
        ("plans add", {"name": "X", "role": town.gold, "stripe_price": town.price}),
        ("plans list", {}),
        ("plans edit", {"plan": "Gold", "name": "Mine"}),
        ("plans remove", {"plan": "Gold"}),
        ("plans settings", {"plan_switching": True}),
        ("doctor", {}),
    ):
        reply = await town.bob.run(town.guild, command, options, force=True)
        assert reply.text == "You need the Manage Server permission for this."
    assert await town.bob.autocomplete(town.guild, "plans edit", "plan", "", force=True) == []
    assert [p.name for p in await town.ports.ledger.load_plans(None)] == ["Gold"]


async def test_settings(town: Town) -> None:
    options = {"terms_url": "https://example.org/terms", "plan_switching": True}
    reply = await town.cleo.run(town.guild, "plans settings", options)
    assert "https://example.org/terms" in reply.text
    assert "provider's page: yes" in reply.text
    for bad in ("http://example.org", "https://", "javascript:alert(1)", "https://user@example.org", "words"):
        refused = await town.cleo.run(town.guild, "plans settings", {"privacy_url": bad})
        assert "must be an https:// address" in refused.text
    gone = await town.cleo.run(town.guild, "plans settings", {"terms_url": "none"})
    assert "Terms of service: none" in gone.text
    closed = town.world.add_channel(town.guild, "staff", private=True)
    reply = await town.ada.run(town.guild, "plans settings", {"notice_channel": closed})
    assert "may not write in that channel" in reply.text


async def test_an_unmapped_product_is_mapped_from_its_notice(town: Town) -> None:
    await town.cleo.run(town.guild, "plans settings", {"notice_channel": town.guild.channel()})
    await town.sell()
    await town.buy()
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    odd = town.stripe.add_price(town.stripe.add_product("Odd"), 900, currency="eur")["id"]
    town.stripe.dashboard.change_price(own.key.id, odd)
    await town.settled()
    assert town.roles() == []
    notice = await town.cleo.message_containing(town.guild.channel(), "no plan here sells")
    menu = notice.selects[0].custom_id
    assert "Manage Server" in (await town.bob.look_at(notice).choose(menu, "Gold")).text
    assert "now has **Gold**" in (await notice.choose(menu, "Gold")).text
    await town.settled()
    assert town.roles() == ["Gold"]


async def test_more_plans_than_a_page(town: Town) -> None:
    for number in range(8):
        await town.sell(f"Plan {number}")
    first = await town.cleo.run(town.guild, "plans list")
    assert "Plan 5" in first.text
    assert "Plan 6" not in first.text
    second = await first.press("Next ›")
    assert "Plan 6" in second.text
    assert "Plan 5" not in second.text
    assert link_of(await town.bob.run(town.guild, "subscribe", {"plan": "Plan 7"}))


async def test_nobody_maps_a_product_to_a_role_that_they_could_not_sell(town: Town) -> None:
    await town.cleo.run(town.guild, "plans settings", {"notice_channel": town.guild.channel()})
    await town.sell()
    await town.buy()
    await town.sell("High", role_named(town, "above"))
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    odd = town.stripe.add_price(town.stripe.add_product("Odd"), 1, currency="eur")["id"]
    town.stripe.dashboard.change_price(own.key.id, odd)
    await town.settled()
    notice = await town.cleo.message_containing(town.guild.channel(), "no plan here sells")
    menu = notice.selects[0].custom_id
    assert "above your own highest" in (await notice.choose(menu, "High")).text
    assert "now has **High**" in (await town.ada.look_at(notice).choose(menu, "High")).text
