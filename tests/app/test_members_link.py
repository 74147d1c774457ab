"""/members link: an admin says whose a subscription from before Dues is, and opens nobody's billing by it."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from billing.model import BoundBy, SubscriptionKey
from billing.use_cases.sweep import sweep
from standins.discord import Reply
from tests.app.forged_presses import press
from tests.app.harness import AppHarness, link_of, running

NOT_THE_PAYER = "someone else might be paying for it"


async def foreign(app: AppHarness, price: str | None = None, **metadata: str) -> str:
    """A running subscription that was made in another way; its id. The sweep has seen it."""
    method = await post(app, "payment_methods", {"type": "card", "card[token]": "tok_visa"})
    customer = await post(app, "customers", {"email": "payer@example.com"})
    await post(app, f"payment_methods/{method}/attach", {"customer": customer})
    order = {"customer": customer, "default_payment_method": method, "items[0][price]": price or app.price}
    order |= {f"metadata[{key}]": value for key, value in metadata.items()}
    made = await post(app, "subscriptions", order)
    await swept(app)
    return made


async def post(app: AppHarness, path: str, fields: dict[str, str]) -> str:
    """As the account's owner, with a program of their own; the id of what was made."""
    key = {"Authorization": f"Bearer {app.stripe.api_key}"}
    url = f"{app.stripe.url}/v1/{path}"
    async with aiohttp.ClientSession(headers=key) as session, session.post(url, data=fields) as answer:
        made = await answer.json()
        assert answer.status == 200, made
        return str(made["id"])


async def swept(app: AppHarness) -> None:
    assert await sweep(app.ports) == []
    await app.settled()


async def link(app: AppHarness, subscription: str, **more: Any) -> Reply:
    who = more.pop("who", app.ada)
    options = {"member": more.pop("member", app.bob), "subscription": subscription}
    reply: Reply = await who.run(more.pop("guild", app.guild), "members link", options)
    await app.settled()
    return reply


async def bound(app: AppHarness, name: str) -> tuple[int | None, BoundBy]:
    found = await app.ports.ledger.load_subscription(SubscriptionKey("stripe", "test", name))
    assert found is not None
    return (found.binding.member_id if found.binding else None), found.bound_by


async def test_a_linked_member_gets_role_card_and_message(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    (choice,) = await app.ada.autocomplete(app.guild, "members link", "subscription", "")
    assert choice["name"].startswith(f"{name} · €5.00 a month")
    reply = await link(app, choice["value"])
    assert "Linked: Gold" in reply.text
    assert app.roles() == ["Gold"]
    card = await app.bob.run(app.guild, "subscriptions")
    assert "Renews on" in card.text
    assert "An admin linked this subscription to you" in card.text
    await app.bob.dm_containing("linked an active subscription to you")
    history = await app.ports.ledger.load_history(app.guild.id, app.bob.id, 9)
    (change,) = [one for one in history if one.why == "linked"]
    assert change.who == str(app.ada.id)
    assert await app.ada.autocomplete(app.guild, "members link", "subscription", "") == []


async def test_a_linked_member_cannot_open_the_payers_billing_page(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    await link(app, name)
    card = await app.bob.run(app.guild, "subscriptions")
    assert [b.label for b in card.buttons] == ["Why these roles?"]
    for command in ("manage", "cancel"):
        for options in ({}, {"subscription": name}):
            reply = await app.bob.run(app.guild, command, options)
            assert NOT_THE_PAYER in reply.text
            assert reply.buttons == []


async def test_the_applications_owner_can_open_a_linked_billing_page(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    reply = await link(app, name)
    assert "can now manage" in (await reply.press("They're the one paying")).text
    assert (await bound(app, name))[1] is BoundBy.OWNER
    assert link_of(await app.bob.run(app.guild, "manage"))
    assert "Cancel Gold?" in (await app.bob.run(app.guild, "cancel")).text


async def test_an_admin_cannot_open_a_linked_billing_page(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    reply = await link(app, name, who=app.cleo)
    assert "Linked: Gold" in reply.text
    assert [b.label for b in reply.buttons] == ["Undo"]
    forged = f"dues:theypay:0:{app.guild.id}:stripe:test:{name}"
    refused = await press(app, reply, forged)
    assert "Only the bot's owner" in refused.text
    assert NOT_THE_PAYER in (await app.bob.run(app.guild, "manage")).text
    again = await link(app, name)
    assert "Already linked" in again.text
    await again.press("They're the one paying")
    assert link_of(await app.bob.run(app.guild, "manage"))


async def test_a_link_to_a_subscription_can_be_undone(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    reply = await link(app, name)
    assert "Link undone" in (await reply.press("Undo")).text
    await app.settled()
    assert app.roles() == []
    assert await bound(app, name) == (None, BoundBy.PAGE)
    assert "find an active subscription" in (await app.bob.run(app.guild, "subscriptions")).text
    assert "undone already" in (await reply.press("Undo")).text
    assert "Linked: Gold" in (await link(app, name)).text
    assert app.roles() == ["Gold"]


async def test_a_role_from_before_a_link_outlives_its_undo(
    app: AppHarness,
) -> None:
    await app.sell()
    app.world.give_role(app.guild, app.bob, app.gold)
    name = await foreign(app)
    reply = await link(app, name)
    assert "already" in reply.text
    await reply.press("Undo")
    await app.settled()
    assert app.roles() == ["Gold"], "a slip of the admin's takes nothing that was theirs"
    await link(app, name)
    app.stripe.dashboard.cancel_now(name)
    await app.settled()
    assert app.roles() == []


async def test_only_an_unowned_subscription_sold_here_can_be_linked(app: AppHarness) -> None:
    await app.sell()
    await app.buy()
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    assert "already belongs to someone" in (await link(app, own.key.id, member=app.cleo)).text
    other = app.stripe.add_price(app.stripe.add_product("Other"), 100)["id"]
    for name in (
        await foreign(app, other),
        "sub_unknown",
        "nonsense",
        "stripe:test:sub_x",
        "paypal:live:I-1",
    ):
        reply = await link(app, name, member=app.cleo)
        assert "uses one of this server's prices" in reply.text or "isn't connected to" in reply.text, name
    ended = await foreign(app)
    app.stripe.dashboard.cancel_now(ended)
    await app.settled()
    assert "uses one of this server's prices" in (await link(app, ended)).text


async def test_only_an_admin_who_may_sell_the_roles_can_link_them(app: AppHarness) -> None:
    """Cleo manages the server, but the role stands above hers and lets its holders ban people."""
    app.world.edit_role(app.gold, bits=1 << 2)  # Ban Members
    app.world.set_role_position(app.gold, 80)
    await app.sell()
    name = await foreign(app)
    reply = await link(app, name, who=app.cleo)
    assert "you can't sell it" in reply.text
    assert await bound(app, name) == (None, BoundBy.PAGE)
    assert "Linked: Gold" in (await link(app, name)).text


async def test_a_member_without_the_permission_cannot_link(app: AppHarness) -> None:
    """The command itself is not offered to them by Discord."""
    await app.sell()
    name = await foreign(app, discord_id=str(app.bob.id))
    shown = await app.bob.run(app.guild, "subscriptions")
    rest = f"{app.guild.id}:{app.bob.id}:stripe:test:{name}"
    for forged in (f"dues:linkthis:0:{rest}", f"dues:unlink:0:{rest}", f"dues:theypay:0:{rest}"):
        assert "Manage Server" in (await press(app, shown, forged)).text
    assert await bound(app, name) == (None, BoundBy.PAGE)


@pytest.fixture
async def rival(app: AppHarness) -> Any:
    """Cleo owns a second server with the bot; its plan has the first one's price."""
    await app.sell()
    chess = app.world.add_guild("Chess", app.cleo)
    await app.invite(chess)
    rook = app.world.add_role(chess, "Rook")
    await app.sell("Rook", rook, app.price)
    return chess


async def test_another_servers_admin_cannot_link_a_subscription(app: AppHarness, rival: Any) -> None:
    """The other admin adds the first server's price, links its payer, asks for the portal: all refused."""
    name = await foreign(app)
    assert await app.cleo.autocomplete(rival, "members link", "subscription", "") == []
    for typed in (name, f"stripe:test:{name}"):
        reply = await link(app, typed, who=app.cleo, member=app.cleo, guild=rival)
        assert "only the bot's owner can decide" in reply.text
    assert "linked to any member" not in (await app.cleo.run(rival, "doctor")).text
    assert await bound(app, name) == (None, BoundBy.PAGE)
    for command in ("manage", "cancel"):
        reply = await app.cleo.run(rival, command, {"subscription": name})
        assert "have that subscription" in reply.text
        assert "find an active subscription" in (await app.cleo.run(rival, command)).text
    assert "only the bot's owner can decide" in (await link(app, name, who=app.cleo, member=app.bob)).text


async def test_only_the_owner_links_if_several_servers_share_the_account(app: AppHarness, rival: Any) -> None:
    name = await foreign(app)
    assert "One active Stripe subscription" in (await app.ada.run(app.guild, "doctor")).text
    note = await app.ada.dm_containing("Unlinked subscriptions in Pottery")
    assert "One active Stripe subscription" in note.text
    assert all("Unlinked subscriptions" not in dm.text for dm in app.cleo.dms)
    assert "Linked: Gold" in (await link(app, name)).text


@pytest.mark.parametrize(
    ("member", "guild"),
    [("discord_id", "guild_id"), ("discord_user_id", "discord_guild_id"), ("discordId", "discordServerId")],
)
async def test_a_member_id_in_another_tools_metadata_is_proposed_in_its_server(
    app: AppHarness, rival: Any, member: str, guild: str
) -> None:
    name = await foreign(app, **{member: str(app.bob.id), guild: str(app.guild.id)})
    assert await bound(app, name) == (None, BoundBy.PAGE), "it is proposed, not taken"
    note = await app.ada.dm_containing("Does this subscription belong")
    assert f"<@{app.bob.id}>" in note.text
    assert all("Does this subscription belong" not in dm.text for dm in app.cleo.dms)
    await swept(app)
    assert len([dm for dm in app.ada.dms if "Does this subscription belong" in dm.text]) == 1
    assert "Linked: Gold" in (await note.press("Link it")).text
    await app.settled()
    assert app.roles() == ["Gold"]
    assert await bound(app, name) == (app.bob.id, BoundBy.ADMIN)
    assert NOT_THE_PAYER in (await app.bob.run(app.guild, "manage")).text


async def test_a_member_id_without_a_server_is_proposed_if_only_one_sells(app: AppHarness) -> None:
    await app.sell()
    await foreign(app, discord_id=str(app.bob.id))
    assert f"<@{app.bob.id}>" in (await app.ada.dm_containing("Does this subscription belong")).text


async def test_an_older_subscription_is_proposed_once_its_plan_is_sold(idle_app: AppHarness) -> None:
    app = idle_app
    async with running(app):
        await foreign(app, discord_id=str(app.bob.id), guild_id=str(app.guild.id))
        assert all("Does this subscription belong" not in dm.text for dm in app.ada.dms)
        await app.sell()
        await app.turn(40 * 86_400)
        await swept(app)
        assert "Link it" in [
            b.label for b in (await app.ada.dm_containing("Does this subscription belong")).buttons
        ]


async def test_a_proposal_for_another_server_cannot_be_accepted_here(app: AppHarness, rival: Any) -> None:
    name = await foreign(app, discord_id=str(app.bob.id), guild_id=str(app.guild.id))
    await app.ada.dm_containing("Does this subscription belong")
    shown = await app.cleo.run(rival, "doctor")
    forged = f"dues:linkthis:0:{rival.id}:{app.cleo.id}:stripe:test:{name}"
    reply = await press(app, shown, forged)
    assert "bought in another server" in reply.text
    assert await bound(app, name) == (None, BoundBy.PAGE)


async def test_an_absent_or_blocked_member_cannot_be_linked(app: AppHarness) -> None:
    await app.sell()
    name = await foreign(app)
    stranger = app.world.add_user("eve")
    assert "isn't in the server" in (await link(app, name, member=stranger)).text
    asked = await app.ada.run(app.guild, "revoke", {"member": app.bob})
    await asked.press("Revoke access")
    await app.settled()
    assert "Undo the revocation first" in (await link(app, name)).text
    assert await bound(app, name) == (None, BoundBy.PAGE)
