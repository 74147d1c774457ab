"""/members link: an admin says whose a subscription from before Dues is, and opens nobody's billing by it."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from billing.model import BoundBy, SubscriptionKey
from billing.use_cases.sweep import sweep
from standins.discord import Reply
from tests.cogs.town import Town, link_of, running
from tests.faults.attackers.hands import press

NOT_THE_PAYER = "somebody else may be paying for it"


async def foreign(town: Town, price: str | None = None, **metadata: str) -> str:
    """A running subscription that was made in another way; its id. The sweep has seen it."""
    method = await post(town, "payment_methods", {"type": "card", "card[token]": "tok_visa"})
    customer = await post(town, "customers", {"email": "payer@example.com"})
    await post(town, f"payment_methods/{method}/attach", {"customer": customer})
    order = {"customer": customer, "default_payment_method": method, "items[0][price]": price or town.price}
    order |= {f"metadata[{key}]": value for key, value in metadata.items()}
    made = await post(town, "subscriptions", order)
    await swept(town)
    return made


async def post(town: Town, path: str, fields: dict[str, str]) -> str:
    """As the account's owner, with a program of their own; the id of what was made."""
    key = {"Authorization": f"Bearer {town.stripe.api_key}"}
    url = f"{town.stripe.url}/v1/{path}"
    async with aiohttp.ClientSession(headers=key) as session, session.post(url, data=fields) as answer:
        made = await answer.json()
        assert answer.status == 200, made
        return str(made["id"])


async def swept(town: Town) -> None:
    assert await sweep(town.ports) == []
    await town.settled()


async def link(town: Town, subscription: str, **more: Any) -> Reply:
    who = more.pop("who", town.ada)
    options = {"member": more.pop("member", town.bob), "subscription": subscription}
    reply: Reply = await who.run(more.pop("guild", town.guild), "members link", options)
    await town.settled()
    return reply


async def bound(town: Town, name: str) -> tuple[int | None, BoundBy]:
    found = await town.ports.ledger.load_subscription(SubscriptionKey("stripe", "test", name))
    assert found is not None
    return (found.binding.member_id if found.binding else None), found.bound_by


async def test_a_linked_member_has_role_and_card_and_hears_of_it(town: Town) -> None:
    await town.sell()
    name = await foreign(town)
    (choice,) = await town.ada.autocomplete(town.guild, "members link", "subscription", "")
    assert choice["name"].startswith(f"{name} · €5.00 a month")
    reply = await link(town, choice["value"])
    assert "Linked: Gold" in reply.text
    assert town.roles() == ["Gold"]
    card = await town.bob.run(town.guild, "subscriptions")
    assert "Renews on" in card.text
    assert "An admin linked it to you" in card.text
    await town.bob.dm_containing("linked a running subscription to you")
    history = await town.ports.ledger.load_history(town.guild.id, town.bob.id, 9)
    (change,) = [one for one in history if one.why == "linked"]
    assert change.who == str(town.ada.id)
    assert await town.ada.autocomplete(town.guild, "members link", "subscription", "") == []


async def test_the_billing_of_who_pays_stays_closed_to_a_linked_member(town: Town) -> None:
    await town.sell()
    name = await foreign(town)
    await link(town, name)
    card = await town.bob.run(town.guild, "subscriptions")
    assert [b.label for b in card.buttons] == []
    for command in ("manage", "cancel"):
        for options in ({}, {"subscription": name}):
            reply = await town.bob.run(town.guild, command, options)
            assert NOT_THE_PAYER in reply.text
            assert reply.buttons == []


async def test_the_owner_of_the_application_can_open_it(town: Town) -> None:
    await town.sell()
    name = await foreign(town)
    reply = await link(town, name)
    assert "can now manage" in (await reply.press("They pay it themselves")).text
    assert (await bound(town, name))[1] is BoundBy.OWNER
    assert link_of(await town.bob.run(town.guild, "manage"))
    assert "Cancel Gold?" in (await town.bob.run(town.guild, "cancel")).text


async def test_an_admin_who_is_not_the_owner_cannot_open_it(town: Town) -> None:
    await town.sell()
    name = await foreign(town)
    reply = await link(town, name, who=town.cleo)
    assert "Linked: Gold" in reply.text
    assert [b.label for b in reply.buttons] == ["Undo"]
    forged = f"dues:theypay:0:{town.guild.id}:stripe:test:{name}"
    refused = await press(town, reply, forged)
    assert "Only the bot's owner" in refused.text
    assert NOT_THE_PAYER in (await town.bob.run(town.guild, "manage")).text
    again = await link(town, name)
    assert "Linked already" in again.text
    await again.press("They pay it themselves")
    assert link_of(await town.bob.run(town.guild, "manage"))


async def test_a_link_can_be_undone(town: Town) -> None:
    await town.sell()
    name = await foreign(town)
    reply = await link(town, name)
    assert "Link undone" in (await reply.press("Undo")).text
    await town.settled()
    assert town.roles() == []
    assert await bound(town, name) == (None, BoundBy.PAGE)
    assert "no running subscription" in (await town.bob.run(town.guild, "subscriptions")).text
    assert "undone already" in (await reply.press("Undo")).text
    assert "Linked: Gold" in (await link(town, name)).text
    assert town.roles() == ["Gold"]


async def test_a_role_from_before_outlives_an_undo_and_goes_with_the_subscription(
    town: Town,
) -> None:
    await town.sell()
    town.world.give_role(town.guild, town.bob, town.gold)
    name = await foreign(town)
    reply = await link(town, name)
    assert "already" in reply.text
    await reply.press("Undo")
    await town.settled()
    assert town.roles() == ["Gold"], "a slip of the admin's takes nothing that was theirs"
    await link(town, name)
    town.stripe.dashboard.cancel_now(name)
    await town.settled()
    assert town.roles() == []


async def test_only_what_is_sold_here_and_nobodys_can_be_linked(town: Town) -> None:
    await town.sell()
    await town.buy()
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    assert "belongs to somebody already" in (await link(town, own.key.id, member=town.cleo)).text
    other = town.stripe.add_price(town.stripe.add_product("Other"), 100)["id"]
    for name in (
        await foreign(town, other),
        "sub_unknown",
        "nonsense",
        "stripe:test:sub_x",
        "paypal:live:I-1",
    ):
        reply = await link(town, name, member=town.cleo)
        assert "no such running subscription" in reply.text or "not connected to" in reply.text, name
    ended = await foreign(town)
    town.stripe.dashboard.cancel_now(ended)
    await town.settled()
    assert "no such running subscription" in (await link(town, ended)).text


async def test_only_who_may_sell_the_roles_may_give_them(town: Town) -> None:
    """Cleo manages the server, but the role stands above hers and lets its holders ban people."""
    town.world.edit_role(town.gold, bits=1 << 2)  # Ban Members
    town.world.set_role_position(town.gold, 80)
    await town.sell()
    name = await foreign(town)
    reply = await link(town, name, who=town.cleo)
    assert "you cannot sell it" in reply.text
    assert await bound(town, name) == (None, BoundBy.PAGE)
    assert "Linked: Gold" in (await link(town, name)).text


async def test_a_member_without_the_permission_presses_in_vain(town: Town) -> None:
    """The command itself is not offered to them by Discord."""
    await town.sell()
    name = await foreign(town, discord_id=str(town.bob.id))
    shown = await town.bob.run(town.guild, "subscriptions")
    rest = f"{town.guild.id}:{town.bob.id}:stripe:test:{name}"
    for forged in (f"dues:linkthis:0:{rest}", f"dues:unlink:0:{rest}", f"dues:theypay:0:{rest}"):
        assert "Manage Server" in (await press(town, shown, forged)).text
    assert await bound(town, name) == (None, BoundBy.PAGE)


@pytest.fixture
async def rival(town: Town) -> Any:
    """Cleo owns a second server with the bot; its plan has the first one's price."""
    await town.sell()
    chess = town.world.add_guild("Chess", town.cleo)
    await town.invite(chess)
    rook = town.world.add_role(chess, "Rook")
    await town.sell("Rook", rook, town.price)
    return chess


async def test_a_second_servers_admin_gets_nobodys_payer(town: Town, rival: Any) -> None:
    """They add the first one's price, link its payer, and ask for the portal: refused at each step."""
    name = await foreign(town)
    assert await town.cleo.autocomplete(rival, "members link", "subscription", "") == []
    for typed in (name, f"stripe:test:{name}"):
        reply = await link(town, typed, who=town.cleo, member=town.cleo, guild=rival)
        assert "only the bot's owner can say" in reply.text
    assert "belong to no member" not in (await town.cleo.run(rival, "doctor")).text
    assert await bound(town, name) == (None, BoundBy.PAGE)
    for command in ("manage", "cancel"):
        reply = await town.cleo.run(rival, command, {"subscription": name})
        assert "no such subscription" in reply.text
        assert "no running subscription" in (await town.cleo.run(rival, command)).text
    assert "only the bot's owner can say" in (await link(town, name, who=town.cleo, member=town.bob)).text


async def test_the_owner_links_and_counts_where_servers_share_the_account(town: Town, rival: Any) -> None:
    name = await foreign(town)
    assert "One running subscription at Stripe" in (await town.ada.run(town.guild, "doctor")).text
    note = await town.ada.dm_containing("Unknown payers in Pottery")
    assert "One running subscription" in note.text
    assert all("Unknown payers" not in dm.text for dm in town.cleo.dms)
    assert "Linked: Gold" in (await link(town, name)).text


@pytest.mark.parametrize(
    ("member", "guild"),
    [("discord_id", "guild_id"), ("discord_user_id", "discord_guild_id"), ("discordId", "discordServerId")],
)
async def test_an_id_in_foreign_metadata_is_proposed_in_its_server(
    town: Town, rival: Any, member: str, guild: str
) -> None:
    name = await foreign(town, **{member: str(town.bob.id), guild: str(town.guild.id)})
    assert await bound(town, name) == (None, BoundBy.PAGE), "it is proposed, not taken"
    note = await town.ada.dm_containing("Is this")
    assert f"<@{town.bob.id}>" in note.text
    assert all("Is this" not in dm.text for dm in town.cleo.dms)
    await swept(town)
    assert len([dm for dm in town.ada.dms if "Is this" in dm.text]) == 1
    assert "Linked: Gold" in (await note.press("Link it")).text
    await town.settled()
    assert town.roles() == ["Gold"]
    assert await bound(town, name) == (town.bob.id, BoundBy.ADMIN)
    assert NOT_THE_PAYER in (await town.bob.run(town.guild, "manage")).text


async def test_an_id_without_a_server_is_proposed_where_only_one_sells(town: Town) -> None:
    await town.sell()
    await foreign(town, discord_id=str(town.bob.id))
    assert f"<@{town.bob.id}>" in (await town.ada.dm_containing("Is this")).text


async def test_what_is_from_before_the_plan_is_proposed_once_it_is_sold(still_town: Town) -> None:
    town = still_town
    async with running(town):
        await foreign(town, discord_id=str(town.bob.id), guild_id=str(town.guild.id))
        assert all("Is this" not in dm.text for dm in town.ada.dms)
        await town.sell()
        await town.turn(40 * 86_400)
        await swept(town)
        assert "Link it" in [b.label for b in (await town.ada.dm_containing("Is this")).buttons]


async def test_a_proposal_that_names_another_server_cannot_be_pressed_there(town: Town, rival: Any) -> None:
    name = await foreign(town, discord_id=str(town.bob.id), guild_id=str(town.guild.id))
    await town.ada.dm_containing("Is this")
    shown = await town.cleo.run(rival, "doctor")
    forged = f"dues:linkthis:0:{rival.id}:{town.cleo.id}:stripe:test:{name}"
    reply = await press(town, shown, forged)
    assert "made for another server" in reply.text
    assert await bound(town, name) == (None, BoundBy.PAGE)


async def test_who_is_not_in_the_server_or_shut_out_is_not_linked(town: Town) -> None:
    await town.sell()
    name = await foreign(town)
    stranger = town.world.add_user("eve")
    assert "not in the server" in (await link(town, name, member=stranger)).text
    asked = await town.ada.run(town.guild, "revoke", {"member": town.bob})
    await asked.press("Revoke access")
    await town.settled()
    assert "Lift that first" in (await link(town, name)).text
    assert await bound(town, name) == (None, BoundBy.PAGE)
