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
from tests.app.harness import AppHarness, link_of


async def test_an_admin_adds_lists_edits_and_removes_a_plan(app: AppHarness) -> None:
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price, "description": "All of it"}
    added = await app.cleo.run(app.guild, "plans add", options)
    assert added.ephemeral
    assert "Now on sale" in added.text
    assert "Note:" not in added.text
    (choice,) = await app.cleo.autocomplete(app.guild, "plans edit", "plan", "go")
    changes = {
        "plan": choice["value"],
        "name": "Golden",
        "add_role": app.silver,
        "trial_days": 3,
        "hidden": True,
    }
    edited = await app.cleo.run(app.guild, "plans edit", changes)
    assert "Golden" in edited.text
    assert f"<@&{app.silver.id}>" in edited.text
    listed = await app.ada.run(app.guild, "plans list")
    assert "Golden" in listed.text
    assert "Free trial: 3 days\nThis plan is hidden." in listed.text
    await app.cleo.run(app.guild, "plans edit", {"plan": "golden", "remove_role": app.gold})
    assert f"<@&{app.gold.id}>" not in (await app.cleo.run(app.guild, "plans list")).text
    removed = await app.cleo.run(app.guild, "plans remove", {"plan": "Golden"})
    assert "no longer on sale" in removed.text
    assert "doesn't sell any plans yet" in (await app.cleo.run(app.guild, "plans list")).text


async def test_a_deleted_role_leaves_its_plan_when_another_is_added(app: AppHarness) -> None:
    """Discord offers for remove_role only roles that there are."""
    await app.sell()
    await app.buy()
    app.world.delete_role(app.gold)
    edited = await app.cleo.run(app.guild, "plans edit", {"plan": "Gold", "add_role": app.silver})
    assert f"<@&{app.silver.id}>" in edited.text
    assert str(app.gold.id) not in edited.text
    await app.settled()
    assert app.roles() == ["Silver"]
    assert "was deleted" not in (await app.cleo.run(app.guild, "doctor")).text


async def test_a_removed_plan_can_get_another_role_for_its_subscribers(app: AppHarness) -> None:
    """The plan is off sale and its only role was deleted; without another its members wait forever."""
    plan = await app.sell()
    await app.buy()
    await app.cleo.run(app.guild, "plans remove", {"plan": "Gold"})
    app.world.delete_role(app.gold)
    await app.bob.run(app.guild, "subscriptions")
    await app.settled()
    found = await app.cleo.run(app.guild, "doctor")
    assert "no longer on sale, but some members might still be paying for it" in found.text
    (choice,) = await app.cleo.autocomplete(app.guild, "plans edit", "plan", "")
    assert choice["name"] == "Gold (removed)"
    refused = await app.cleo.run(app.guild, "plans edit", {"plan": choice["value"], "hidden": True})
    assert "you can only change its roles" in refused.text
    edited = await app.cleo.run(app.guild, "plans edit", {"plan": choice["value"], "add_role": app.silver})
    assert "Changed for members who still pay for it. This plan isn't on sale." in edited.text
    await app.settled()
    assert app.roles() == ["Silver"]
    assert "All is well" in (await app.cleo.run(app.guild, "doctor")).text
    kept = await app.ports.ledger.load_plan(plan.id)
    assert kept is not None
    assert kept.removed_at is not None


async def test_a_removed_plan_without_subscribers_is_not_reported(app: AppHarness) -> None:
    await app.sell()
    await app.cleo.run(app.guild, "plans remove", {"plan": "Gold"})
    app.world.delete_role(app.gold)
    assert "All is well" in (await app.cleo.run(app.guild, "doctor")).text


@pytest.mark.parametrize(
    "change",
    [
        {"unit_amount": None, "unit_amount_decimal": None, "billing_scheme": "tiered"},
        {"recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": "mtr_1"}},
    ],
)
async def test_a_tiered_or_metered_price_cannot_be_sold(app: AppHarness, change: dict[str, object]) -> None:
    app.stripe.world.get("price", app.price).update(change)
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price}
    refused = await app.cleo.run(app.guild, "plans add", options)
    assert "doesn't have a fixed amount at Stripe" in refused.text
    assert "doesn't sell any plans yet" in (await app.cleo.run(app.guild, "plans list")).text


async def test_a_price_can_be_taken_off_sale(app: AppHarness) -> None:
    await app.sell()
    off = await app.cleo.run(app.guild, "plans edit", {"plan": "Gold", "stripe_price": "none"})
    assert "isn't on sale" in off.text
    assert "There's nothing on sale right now" in (await app.bob.run(app.guild, "subscribe")).text


def role_named(app: AppHarness, which: str) -> Role:
    """A role that an admin may not sell."""
    if which == "everyone":
        return app.guild.everyone
    if which == "managed":
        return app.bot_role
    return app.world.add_role(app.guild, "Above", position=len(app.guild.roles), bits=MANAGE_MESSAGES)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("everyone", "has the @everyone role"),
        ("managed", "belongs to a bot"),
        ("above", "above your own highest"),
    ],
)
async def test_adding_a_role_that_the_admin_may_not_sell_is_refused(
    app: AppHarness, which: str, said: str
) -> None:
    await app.sell("Silver", app.silver)
    role = role_named(app, which)
    options = {"name": "X", "role": role, "stripe_price": app.price}
    assert said in (await app.cleo.run(app.guild, "plans add", options)).text
    assert said in (await app.cleo.run(app.guild, "plans edit", {"plan": "Silver", "add_role": role})).text
    assert [p.name for p in await app.ports.ledger.load_plans(app.guild.id)] == ["Silver"]


async def test_an_admin_with_manage_server_alone_cannot_sell_stronger_roles(app: AppHarness) -> None:
    (staff,) = [role for role in app.guild.roles.values() if role.permissions == MANAGE_GUILD]
    moderator = app.world.add_role(app.guild, "Moderator", bits=MANAGE_MESSAGES)
    options = {"name": "X", "role": moderator, "stripe_price": app.price}
    assert "you don't have Manage Roles" in (await app.cleo.run(app.guild, "plans add", options)).text
    app.world.edit_role(staff, bits=MANAGE_GUILD | MANAGE_ROLES)
    assert "Now on sale" in (await app.cleo.run(app.guild, "plans add", options)).text


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (
            ADMINISTRATOR,
            "**Note:** This role has the Administrator permission. Members who pay for it can do anything",
        ),
        (ADMINISTRATOR | MANAGE_ROLES, "This role has the Administrator permission"),
        (MANAGE_MESSAGES, "**Note:** This role has these permissions: Manage Messages. Members"),
        (
            MANAGE_ROLES | MENTION_EVERYONE,
            "permissions: Manage Roles, Mention @everyone, @here, and All Roles. Members who",
        ),
        (VIEW_CHANNEL, ""),
    ],
)
async def test_an_admin_is_warned_of_what_a_role_permits(app: AppHarness, bits: int, said: str) -> None:
    """With each role that is added, whoever adds it."""
    role = app.world.add_role(app.guild, "Power", bits=bits)
    options = {"name": "X", "role": role, "stripe_price": app.price}
    await app.sell("Silver", app.silver, app.stripe.add_price(app.product, 500)["id"])
    added = await app.ada.run(app.guild, "plans add", options)
    edited = await app.ada.run(app.guild, "plans edit", {"plan": "Silver", "add_role": role})
    for reply in (added, edited):
        assert said in reply.text
        assert ("Note:" in reply.text) == bool(said)
    assert ("It has these permissions" in (await app.ada.run(app.guild, "doctor")).text) == bool(said)


async def test_an_admin_is_warned_of_what_a_channel_lets_a_role_do(app: AppHarness) -> None:
    lounge = app.world.add_channel(app.guild, "lounge")
    lounge.overwrites[app.gold.id] = (0, MANAGE_MESSAGES)
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    reply = await app.ada.run(
        app.guild, "plans add", {"name": "X", "role": app.gold, "stripe_price": app.price}
    )
    assert "This role has these permissions: Manage Messages" in reply.text


async def test_a_role_with_power_in_one_channel_cannot_be_sold_without_it(app: AppHarness) -> None:
    """Cleo lacks Manage Roles until the end, so she sells no look into a channel that she cannot see."""
    council = app.world.add_role(app.guild, "Council", position=len(app.guild.roles))
    lounge = app.world.add_role(app.guild, "Lounge")
    for role in (council, lounge):
        room = app.world.add_channel(app.guild, role.name.lower(), private=True)
        room.overwrites[role.id] = (0, VIEW_CHANNEL)
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    lounges = {"name": "Lounge", "role": lounge, "stripe_price": app.price}
    for role, said in ((council, "above your own highest"), (lounge, "you don't have Manage Roles")):
        options = {"name": role.name, "role": role, "stripe_price": app.price}
        assert said in (await app.cleo.run(app.guild, "plans add", options)).text
    (staff,) = [role for role in app.guild.roles.values() if role.permissions == MANAGE_GUILD]
    app.world.edit_role(staff, bits=MANAGE_GUILD | MANAGE_ROLES)
    added = (await app.cleo.run(app.guild, "plans add", lounges)).text
    assert "Now on sale" in added
    assert "The bot can't see 2 channels in this server." in added


async def test_an_admin_can_sell_only_channels_that_they_can_see(app: AppHarness) -> None:
    (staff,) = [role for role in app.guild.roles.values() if role.permissions == MANAGE_GUILD]
    room = app.world.add_channel(app.guild, "lounge", private=True)
    for role in (staff, app.gold):
        room.overwrites[role.id] = (0, VIEW_CHANNEL)
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price}
    assert "Now on sale" in (await app.cleo.run(app.guild, "plans add", options)).text


async def test_a_role_that_opens_a_channel_by_its_own_permissions_is_checked(app: AppHarness) -> None:
    """@everyone sees nothing in this server, and Cleo's role is denied one channel that the sold one sees."""
    (staff,) = [role for role in app.guild.roles.values() if role.permissions == MANAGE_GUILD]
    app.world.edit_role(app.guild.everyone, bits=EVERYONE & ~VIEW_CHANNEL)
    app.world.edit_role(staff, bits=MANAGE_GUILD | VIEW_CHANNEL)
    viewer = app.world.add_role(app.guild, "Viewer", bits=VIEW_CHANNEL)
    room = app.world.add_channel(app.guild, "vault")
    room.overwrites[staff.id] = (VIEW_CHANNEL, 0)
    app.world.close_guild(app.guild)
    app.world.open_guild(app.guild)
    options = {"name": "Viewer", "role": viewer, "stripe_price": app.price}
    assert "you don't have Manage Roles" in (await app.cleo.run(app.guild, "plans add", options)).text


@pytest.mark.parametrize("change", [{"name": "Higher"}, {"hidden": False}, {"description": "Buy!"}])
async def test_an_admin_cannot_edit_a_plan_whose_role_they_could_not_sell(
    app: AppHarness, change: dict[str, object]
) -> None:
    plan = await app.sell("High", role_named(app, "above"), hidden=True)
    refused = await app.cleo.run(app.guild, "plans edit", {"plan": "High", **change})
    assert "above your own highest" in refused.text
    assert await app.ports.ledger.load_plan(plan.id) == plan
    assert "Changed" in (await app.cleo.run(app.guild, "plans edit", {"plan": "High", "hidden": True})).text
    assert "Changed" in (await app.ada.run(app.guild, "plans edit", {"plan": "High", **change})).text


async def test_an_admin_cannot_set_free_days_for_a_role_they_could_not_sell(app: AppHarness) -> None:
    high = role_named(app, "above")
    await app.sell("High", high)
    refused = await app.cleo.run(app.guild, "plans edit", {"plan": "High", "trial_days": 700})
    assert "above your own highest" in refused.text
    edited = await app.ada.run(app.guild, "plans edit", {"plan": "High", "trial_days": 700})
    assert "Free trial: 700 days" in edited.text


async def test_a_role_that_the_bot_cannot_give_is_sold_with_a_warning(app: AppHarness) -> None:
    app.world.set_role_position(app.bot_role, 1)
    app.world.edit_role(app.bot_role, bits=0)
    options = {"name": "Gold", "role": app.gold, "stripe_price": app.price}
    added = await app.ada.run(app.guild, "plans add", options)
    assert "Now on sale" in added.text
    assert "is above the bot's own" in added.text
    assert "is missing the Manage Roles permission" in added.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stripe_price": "price_nope"}, "Stripe can't find the price"),
        ({}, "needs a price"),
        ({"paypal_plan": "P-1"}, "PayPal isn't set up"),
    ],
)
async def test_adding_a_plan_without_a_usable_price_is_refused(
    app: AppHarness, options: dict[str, str], said: str
) -> None:
    reply = await app.cleo.run(app.guild, "plans add", {"name": "X", "role": app.gold, **options})
    assert said in reply.text


async def test_plans_commands_opened_to_everyone_still_refuse_members(app: AppHarness) -> None:
    await app.sell()
    for command, options in (
        ("plans add", {"name": "X", "role": app.gold, "stripe_price": app.price}),
        ("plans list", {}),
        ("plans edit", {"plan": "Gold", "name": "Mine"}),
        ("plans remove", {"plan": "Gold"}),
        ("plans settings", {"plan_switching": True}),
        ("doctor", {}),
    ):
        reply = await app.bob.run(app.guild, command, options, force=True)
        assert reply.text == "You need the Manage Server permission for this."
    assert await app.bob.autocomplete(app.guild, "plans edit", "plan", "", force=True) == []
    assert [p.name for p in await app.ports.ledger.load_plans(app.guild.id)] == ["Gold"]


async def test_an_admin_changes_the_legal_links_and_the_notice_channel(app: AppHarness) -> None:
    options = {"terms_url": "https://example.org/terms", "plan_switching": True}
    reply = await app.cleo.run(app.guild, "plans settings", options)
    assert "https://example.org/terms" in reply.text
    assert "provider's page: yes" in reply.text
    for bad in ("http://example.org", "https://", "javascript:alert(1)", "https://user@example.org", "words"):
        refused = await app.cleo.run(app.guild, "plans settings", {"privacy_url": bad})
        assert "must be an https:// address" in refused.text
    gone = await app.cleo.run(app.guild, "plans settings", {"terms_url": "none"})
    assert "Terms of service: none" in gone.text
    closed = app.world.add_channel(app.guild, "staff", private=True)
    reply = await app.ada.run(app.guild, "plans settings", {"notice_channel": closed})
    assert "can't write in that channel" in reply.text


async def test_an_unmapped_product_is_mapped_from_its_notice(app: AppHarness) -> None:
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": app.guild.channel()})
    await app.sell()
    await app.buy()
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    odd = app.stripe.add_price(app.stripe.add_product("Odd"), 900, currency="eur")["id"]
    app.stripe.dashboard.change_price(own.key.id, odd)
    await app.settled()
    assert app.roles() == []
    notice = await app.cleo.message_containing(app.guild.channel(), "that isn't in any plan")
    menu = notice.selects[0].custom_id
    assert "Manage Server" in (await app.bob.look_at(notice).choose(menu, "Gold")).text
    assert "now have **Gold**" in (await notice.choose(menu, "Gold")).text
    await app.settled()
    assert app.roles() == ["Gold"]


async def test_a_long_list_of_plans_has_pages(app: AppHarness) -> None:
    for number in range(8):
        await app.sell(f"Plan {number}")
    first = await app.cleo.run(app.guild, "plans list")
    assert "Plan 5" in first.text
    assert "Plan 6" not in first.text
    second = await first.press("Next ›")
    assert "Plan 6" in second.text
    assert "Plan 5" not in second.text
    assert link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Plan 7"}))


async def test_an_admin_cannot_map_a_product_to_a_role_they_could_not_sell(app: AppHarness) -> None:
    await app.cleo.run(app.guild, "plans settings", {"notice_channel": app.guild.channel()})
    await app.sell()
    await app.buy()
    await app.sell("High", role_named(app, "above"))
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    odd = app.stripe.add_price(app.stripe.add_product("Odd"), 1, currency="eur")["id"]
    app.stripe.dashboard.change_price(own.key.id, odd)
    await app.settled()
    notice = await app.cleo.message_containing(app.guild.channel(), "that isn't in any plan")
    menu = notice.selects[0].custom_id
    assert "above your own highest" in (await notice.choose(menu, "High")).text
    assert "now have **High**" in (await app.ada.look_at(notice).choose(menu, "High")).text


async def test_prices_of_the_account_are_suggested_by_name_and_amount(app: AppHarness) -> None:
    yearly = app.stripe.add_price(app.product, 5000, "year", currency="eur")["id"]
    app.stripe.dashboard.archive_price(app.stripe.add_price(app.product, 700)["id"])
    asked = (app.guild, "plans add", "stripe_price")
    every = await app.ada.autocomplete(*asked, "")
    assert every == [
        {"name": "Gold · €50.00 a year", "value": yearly},
        {"name": "Gold · €5.00 a month", "value": app.price},
    ]
    assert await app.ada.autocomplete(*asked, "a year") == every[:1]
    assert await app.bob.autocomplete(*asked, "", force=True) == []
    added = await app.ada.run(
        app.guild, "plans add", {"name": "Gold", "role": app.gold, "stripe_price": yearly}
    )
    assert "This is what members see:" in added.text
    assert added.text.count("€50.00 a year") == 2
    assert [button.label for button in added.buttons] == ["Subscribe"]
    assert await app.ada.autocomplete(*asked, "") == every[1:]


async def test_prices_are_suggested_to_another_admin_only_where_this_server_alone_sells(
    app: AppHarness,
) -> None:
    asked = (app.guild, "plans add", "stripe_price", "")
    assert await app.cleo.autocomplete(*asked) == []
    await app.sell()
    other = app.stripe.add_price(app.product, 900, currency="eur")["id"]
    assert [one["value"] for one in await app.cleo.autocomplete(*asked)] == [other]
    chess = app.world.add_guild("Chess", app.cleo)
    await app.invite(chess)
    await app.sell("Chess", app.world.add_role(chess, "Chess"))
    assert await app.cleo.autocomplete(*asked) == []
    assert [one["value"] for one in await app.ada.autocomplete(*asked)] == [other]
