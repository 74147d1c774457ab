"""/panel: a public card that follows the plans and answers each member alone."""

from __future__ import annotations

from billing.use_cases.plans import PlanUpdate, edit_plan
from standins.discord.cards import Card
from standins.discord.model import Channel
from standins.discord.permissions import SEND_MESSAGES, VIEW_CHANNEL
from tests.app.harness import AppHarness, link_of, running


async def post(app: AppHarness, channel: Channel) -> Card:
    """Let Cleo post the card; return it as Bob sees it."""
    reply = await app.cleo.run(app.guild, "panel", {"channel": channel})
    assert "updates itself" in reply.text
    return await app.bob.message_containing(channel, "Subscribe to Pottery")


async def test_a_public_card_sells_to_each_member_alone(app: AppHarness) -> None:
    await app.sell()
    shop = app.world.add_channel(app.guild, "shop")
    card = await post(app, shop)
    assert "€5.00 a month" in card.text
    assert f"<@&{app.gold.id}>" in card.text
    assert card.message.ephemeral_to is None
    assert card.pings == []
    offered = await card.press("Subscribe")
    assert offered.ephemeral
    app.stripe.pay_checkout(link_of(offered))
    await app.settled()
    assert app.roles() == ["Gold"]
    mine = await card.press("My subscriptions")
    assert mine.ephemeral
    assert "Renews on" in mine.text
    others = await app.ada.card(card.message.id).press("My subscriptions")
    assert "Renews on" not in others.text


async def test_a_public_card_follows_its_plans_also_after_a_restart(idle_app: AppHarness) -> None:
    app, shop = idle_app, idle_app.world.add_channel(idle_app.guild, "shop")
    async with running(app):
        plan = await app.sell()
        card = await post(app, shop)
        await app.sell("Silver", app.silver)
        await app.bob.message_containing(shop, "Silver")
    async with running(app):
        await edit_plan(app.ports, app.guild.id, plan.id, PlanUpdate(name="Gilded"), app.cleo.id)
        shown = await app.bob.message_containing(shop, "Gilded")
        assert [each.message.id for each in app.bob.messages(shop)] == [card.message.id]
        assert "Gilded" in (await shown.press("Subscribe")).text


async def test_a_new_card_replaces_the_old_one_and_a_deleted_one_is_forgotten(app: AppHarness) -> None:
    await app.sell()
    shop, lobby = (app.world.add_channel(app.guild, name) for name in ("shop", "lobby"))
    await post(app, shop)
    await post(app, lobby)
    assert app.bob.messages(shop) == []
    app.world.delete_channel(lobby)
    await app.sell("Silver", app.silver)
    await app.settled()
    assert await app.ports.ledger.load_panel(app.guild.id) is None


async def test_a_card_is_only_posted_where_the_bot_and_the_admin_may_write(app: AppHarness) -> None:
    shop = app.world.add_channel(app.guild, "shop", private=True)
    reply = await app.cleo.run(app.guild, "panel", {"channel": shop})
    assert "bot can't post" in reply.text
    app.world.set_overwrite(shop, app.guild.id)
    app.world.set_overwrite(shop, app.cleo.id, deny=SEND_MESSAGES, allow=VIEW_CHANNEL)
    await app.settled()
    reply = await app.cleo.run(app.guild, "panel", {"channel": shop})
    assert "You can't post" in reply.text
    assert app.bob.messages(shop) == []
    assert await app.ports.ledger.load_panel(app.guild.id) is None
